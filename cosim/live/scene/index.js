export { KINDS, body } from "./bodies.js";
export { Packets } from "./packets.js";
export { Signals } from "./signals.js";
