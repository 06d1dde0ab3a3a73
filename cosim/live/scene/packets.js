// Packets on their way along the lines between vehicles and cells: triangles go up, squares come
// down, crosses get lost on their way.
import { THREE } from "nicegui-scene";

const PACKET = 5, PIXELS = 15, TEXELS = 64;
const ALL = [
  ["#F0E442", [[0.5, 0.1], [0.92, 0.88], [0.08, 0.88]]],
  ["#56B4E9", [[0.18, 0.18], [0.82, 0.18], [0.82, 0.82], [0.18, 0.82]]],
  ["#D55E00", [[0.08, 0.24], [0.24, 0.08], [0.5, 0.34], [0.76, 0.08], [0.92, 0.24], [0.66, 0.5], [0.92, 0.76], [0.76, 0.92], [0.5, 0.66], [0.24, 0.92], [0.08, 0.76], [0.34, 0.5]]],
];
const LOST = 2;
// So far a lost one comes.
const LOST_AT = 0.5;

function picture(colour, outline) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = TEXELS;
  const context = canvas.getContext("2d");
  context.beginPath();
  for (const [x, y] of outline) context.lineTo(x * TEXELS, y * TEXELS);
  context.closePath();
  context.fillStyle = colour;
  context.fill();
  context.lineWidth = 5;
  context.strokeStyle = "#111";
  context.stroke();
  const map = new THREE.CanvasTexture(canvas);
  map.colorSpace = THREE.SRGBColorSpace;
  return map;
}

export class Packets {
  constructor(scene) {
    this.kinds = ALL.map(([colour, outline]) => {
      const look = { map: picture(colour, outline), size: PIXELS, sizeAttenuation: false, transparent: true, depthWrite: false };
      const points = new THREE.Points(new THREE.BufferGeometry(), new THREE.PointsMaterial(look));
      points.frustumCulled = false;
      points.renderOrder = 1; // Over the line that they go along.
      scene.add(points);
      return points;
    });
  }

  // `rows`: who, cell, 1 down, share of the way, 1 lost; `antenna` says where somebody's is.
  show(rows, antenna, masts) {
    const places = ALL.map(() => []);
    for (let i = 0; i < rows.length; i += PACKET) {
      const [number, cell, down, done, lost] = rows.subarray(i, i + PACKET);
      const from = antenna(number), to = masts[cell] ?? from;
      if (!from) continue;
      const way = lost ? LOST_AT * done : done, up = down ? 1 - way : way;
      places[lost ? LOST : down].push(...from.map((value, axis) => value + up * (to[axis] - value)));
    }
    this.kinds.forEach((points, kind) => {
      points.geometry.dispose();
      points.geometry = new THREE.BufferGeometry();
      points.geometry.setAttribute("position", new THREE.Float32BufferAttribute(places[kind], 3));
    });
  }
}
