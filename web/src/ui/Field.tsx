/* A labelled field with its hint and its error, tied together for who does not see them. */
import type { JSX, VNode } from "preact";
import { useId } from "preact/hooks";

export interface FieldProps {
  label: string;
  hint?: string;
  error?: string | undefined;
  control: (ids: { id: string; "aria-describedby": string | undefined; "aria-invalid": boolean }) => JSX.Element;
}

export function Field({ label, hint, error, control }: FieldProps): VNode {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label class="field-label" for={id}>
        {label}
      </label>
      {control({ id, "aria-describedby": described === "" ? undefined : described, "aria-invalid": error !== undefined })}
      {hint && (
        <span id={`${id}-hint`} class="field-hint">
          {hint}
        </span>
      )}
      {error && (
        <span id={`${id}-error`} class="field-error" role="alert">
          {error}
        </span>
      )}
    </div>
  );
}
