/* Files that go with a question. */
import type { VNode } from "preact";
import { t } from "../i18n/language";
import type { Attachment } from "../store/types";
import { IconButton } from "../ui/Button";
import { Icon } from "../ui/Icon";
import { showBytes } from "./figures";

export function Files({ files, onRemove }: { files: readonly Attachment[]; onRemove?: (index: number) => void }): VNode {
  return (
    <ul class="files" aria-label={t("ask.attached")}>
      {files.map((file, index) => (
        <li key={index} class="file">
          <Icon name="file" />
          <span class="file-name" dir="auto">
            {file.name}
          </span>
          <span class="file-size">{showBytes(file.bytes)}</span>
          {onRemove && <IconButton icon="close" label={t("ask.remove", { name: file.name })} onClick={() => onRemove(index)} />}
        </li>
      ))}
    </ul>
  );
}
