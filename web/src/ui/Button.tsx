/* Buttons with words, and buttons with a drawing and a name. */
import type { ComponentChildren, JSX, VNode } from "preact";
import { Icon, type IconName } from "./Icon";

type Native = Omit<JSX.HTMLAttributes<HTMLButtonElement>, "icon" | "label" | "class">;

export interface ButtonProps extends Native {
  look?: "main" | "danger" | "plain";
  icon?: IconName;
  type?: "button" | "submit";
  disabled?: boolean;
  children: ComponentChildren;
}

export function Button({ look, icon, children, type = "button", ...rest }: ButtonProps): VNode {
  return (
    <button {...rest} type={type} class={look ? `button button-${look}` : "button"}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

export interface IconButtonProps extends Native {
  icon: IconName;
  label: string; /* its name, and its tooltip */
  class?: string;
  disabled?: boolean;
}

export function IconButton({ icon, label, class: more, ...rest }: IconButtonProps): VNode {
  return (
    <button {...rest} type="button" class={more ? `icon-button ${more}` : "icon-button"} aria-label={label} title={label}>
      <Icon name={icon} />
    </button>
  );
}
