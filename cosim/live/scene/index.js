export { KINDS, body } from "./bodies.js";
export { Signals } from "./signals.js";
