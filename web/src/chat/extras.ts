/* The piece of the page with what is done seldom (pieces.ts): settings and other dialogs, files out and in. */
export { KeysDialog } from "./KeysDialog";
export { SettingsDialog } from "./SettingsDialog";
export { SignOutDialog } from "./SignOutDialog";
export { exportJson, exportMarkdown, importFiles } from "./transferring";
