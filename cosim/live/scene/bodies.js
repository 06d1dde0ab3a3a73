import { THREE } from "nicegui-scene";

// What each kind is made of: outlines from its right side in shares of length and height, each with
// its share of the width and of the kind's brightness. The colours are Okabe and Ito's.
const wheel = (x, r, z) => Array.from({ length: 10 }, (_, i) => [x + r * Math.cos((i * Math.PI) / 5), z * (1 + Math.sin((i * Math.PI) / 5))]);
const TYRE = 0.1, GLASS = 0.18;
export const KINDS = {
  car: ["#56B4E9", [
    [[[0, 0.17], [1, 0.17], [1, 0.5], [0.76, 0.62], [0.03, 0.64], [0, 0.55]], 1, 1],
    [[[0.76, 0.61], [0.59, 0.94], [0.2, 0.94], [0.05, 0.63]], 0.86, GLASS],
    [[[0.6, 0.92], [0.58, 1], [0.22, 1], [0.19, 0.92]], 0.84, 1],
    [wheel(0.18, 0.075, 0.22), 1.02, TYRE], [wheel(0.8, 0.075, 0.22), 1.02, TYRE],
  ]],
  truck: ["#CC79A7", [
    [[[0, 0.26], [0.8, 0.26], [0.8, 1], [0, 1]], 1, 1],
    [[[0.83, 0.12], [1, 0.12], [1, 0.5], [0.97, 0.84], [0.83, 0.84]], 0.96, 0.75],
    [[[0.95, 0.52], [1.002, 0.52], [0.975, 0.78], [0.95, 0.78]], 0.9, GLASS],
    [[[0, 0.16], [0.83, 0.16], [0.83, 0.26], [0, 0.26]], 0.7, 0.3],
    ...[0.08, 0.16, 0.24, 0.9].map((x) => [wheel(x, 0.035, 0.14), 1.01, TYRE]),
  ]],
  bus: ["#E69F00", [
    [[[0, 0.1], [1, 0.1], [1, 0.85], [0.98, 1], [0, 1]], 1, 1],
    [[[0.03, 0.48], [1.003, 0.48], [1.003, 0.84], [0.03, 0.84]], 1.01, GLASS],
    [wheel(0.2, 0.045, 0.17), 1.02, TYRE], [wheel(0.8, 0.045, 0.17), 1.02, TYRE],
  ]],
  motorcycle: ["#009E73", [
    [[[0.1, 0.25], [0.9, 0.25], [0.8, 0.5], [0.6, 0.55], [0.55, 0.9], [0.45, 1], [0.35, 0.9], [0.3, 0.5]], 0.5, 1],
    [wheel(0.18, 0.17, 0.22), 0.3, TYRE], [wheel(0.82, 0.17, 0.22), 0.3, TYRE],
  ]],
  bicycle: ["#009E73", [
    [[[0.3, 0.4], [0.75, 0.45], [0.6, 0.8], [0.55, 1], [0.42, 1], [0.35, 0.8]], 0.5, 1],
    [wheel(0.2, 0.2, 0.2), 0.12, TYRE], [wheel(0.8, 0.2, 0.2), 0.12, TYRE],
  ]],
  pedestrian: ["#F0E442", [
    [[[0.2, 0], [0.8, 0], [0.7, 0.5], [0.3, 0.5]], 0.6, 0.4],
    [[[0.2, 0.46], [0.8, 0.46], [0.85, 0.8], [0.15, 0.8]], 0.9, 1],
    [wheel(0.5, 0.3, 0.1).map(([x, z]) => [x, z + 0.8]), 0.5, 0.7],
  ]],
  other: ["#999999", [[[[0, 0], [1, 0], [1, 1], [0, 1]], 1, 1]]],
};

// A body of length, width and height 1 around the origin, standing on the ground, ahead along x.
export function body(parts) {
  const positions = [], normals = [], colours = [];
  for (const [outline, width, bright] of parts) {
    const shape = new THREE.Shape(outline.map(([x, z]) => new THREE.Vector2(x - 0.5, z)));
    const part = new THREE.ExtrudeGeometry(shape, { depth: width, bevelEnabled: false });
    part.translate(0, 0, -width / 2).rotateX(Math.PI / 2);
    positions.push(...part.attributes.position.array);
    normals.push(...part.attributes.normal.array);
    colours.push(...part.attributes.position.array.map(() => bright));
  }
  const geometry = new THREE.BufferGeometry();
  geometry.setAttribute("position", new THREE.Float32BufferAttribute(positions, 3));
  geometry.setAttribute("normal", new THREE.Float32BufferAttribute(normals, 3));
  geometry.setAttribute("color", new THREE.Float32BufferAttribute(colours, 3));
  return geometry;
}
