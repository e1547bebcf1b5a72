/* The piece of the page that a conversation needs (pieces.ts): how answers are read, and how messages are drawn. */
export { Answer } from "../api/answer";
export { RunningAnswer } from "./running";
export { Spoken } from "./Spoken";
export { Thread } from "./Thread";
