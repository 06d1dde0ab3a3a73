// Traffic lights: heads over the stop lines, and on the road before each line what it shows, to be
// seen from above. Shape and place tell it as well as colour does.
import { THREE } from "nicegui-scene";

const COLOURS = { red: "#FF3B30", amber: "#FFB000", green: "#00D68F" };
const LAMPS = Object.keys(COLOURS); // From the top.
const UNLIT = new THREE.Color("#20242a"), FRAME = "#15181c";
// SUMO's letters, by what lights up; blinking is lit, and off is dark.
const LIT = { r: ["red"], s: ["red"], u: ["red", "amber"], y: ["amber"], o: ["amber"], g: ["green"] };
const HANG_M = 5.2, HEAD_M = [0.3, 0.5, 1.35], LAMP_M = 0.17, SIGN_M = 2.6;

// On the road, one metre wide and long, ahead along x: a bar to stop at, a diamond, an arrow.
const SIGNS = {
  red: [[0.6, -0.5], [1, -0.5], [1, 0.5], [0.6, 0.5]],
  amber: [[0.2, 0], [0.6, -0.4], [1, 0], [0.6, 0.4]],
  green: [[0, -0.15], [0.45, -0.15], [0.45, -0.4], [1, 0], [0.45, 0.4], [0.45, 0.15], [0, 0.15]],
};

const ORIGIN = new THREE.Vector3(), UP = new THREE.Vector3(0, 0, 1), NOWHERE = new THREE.Matrix4().makeScale(0, 0, 0);

// Something ahead, to the left of and over a place, turned as the place is.
function placed(x, y, heading, [ahead, left, over], size) {
  const turn = new THREE.Quaternion().setFromAxisAngle(UP, heading);
  const at = new THREE.Vector3(ahead, left, 0).applyQuaternion(turn).add(ORIGIN.set(x, y, over));
  return new THREE.Matrix4().compose(at, turn, new THREE.Vector3(...size));
}

function instances(geometry, material, count) {
  const mesh = new THREE.InstancedMesh(geometry, material, count);
  mesh.frustumCulled = false;
  return mesh;
}

export class Signals {
  constructor(scene, { heads, gantries }) {
    this.heads = heads;
    this.shown = heads.map(() => null);
    const dark = new THREE.MeshLambertMaterial({ color: FRAME });
    const steel = new THREE.MeshLambertMaterial({ color: "#7a828a" });
    const box = new THREE.BoxGeometry(1, 1, 1);
    const frames = instances(box, dark, heads.length);
    const beams = instances(box, steel, 2 * gantries.length);
    const circle = new THREE.CircleGeometry(LAMP_M, 12).rotateY(-Math.PI / 2).rotateX(Math.PI);
    this.lamps = instances(circle, new THREE.MeshBasicMaterial(), LAMPS.length * heads.length);
    heads.forEach(([, , x, y, heading], i) => {
      frames.setMatrixAt(i, placed(x, y, heading, [0.2, 0, HANG_M], HEAD_M));
      LAMPS.forEach((_, lamp) => {
        const over = HANG_M + (1 - lamp) * 0.42;
        this.lamps.setMatrixAt(3 * i + lamp, placed(x, y, heading, [0.2 - HEAD_M[0] / 2 - 0.02, 0, over], [1, 1, 1]));
        this.lamps.setColorAt(3 * i + lamp, UNLIT);
      });
    });
    gantries.forEach(([x, y, heading, across], i) => {
      beams.setMatrixAt(2 * i, placed(x, y, heading, [0.4, 0, HANG_M / 2], [0.16, 0.16, HANG_M]));
      beams.setMatrixAt(2 * i + 1, placed(x, y, heading, [0.4, across / 2, HANG_M], [0.12, across, 0.12]));
    });
    this.signs = LAMPS.map((name) => {
      const shape = new THREE.Shape(SIGNS[name].map(([ahead, left]) => new THREE.Vector2(ahead - 1, left)));
      const sign = instances(new THREE.ShapeGeometry(shape), new THREE.MeshBasicMaterial({ color: COLOURS[name] }), heads.length);
      heads.forEach((_, i) => sign.setMatrixAt(i, NOWHERE));
      return sign;
    });
    scene.add(frames, beams, this.lamps, ...this.signs);
  }

  // Light up what SUMO's state strings say, by light.
  show(states) {
    const lit = new THREE.Color();
    this.heads.forEach(([light, link, x, y, heading, width], i) => {
      const letter = states[light]?.[link]?.toLowerCase() ?? null;
      if (letter === this.shown[i]) return;
      this.shown[i] = letter;
      const on = LIT[letter] ?? [];
      LAMPS.forEach((name, lamp) => {
        this.lamps.setColorAt(3 * i + lamp, on.includes(name) ? lit.set(COLOURS[name]) : UNLIT);
        const sign = placed(x, y, heading, [-0.4, 0, 0.09], [SIGN_M, 0.9 * width, 1]);
        this.signs[lamp].setMatrixAt(i, on[0] === name ? sign : NOWHERE);
      });
    });
    this.lamps.instanceColor.needsUpdate = true;
    for (const sign of this.signs) sign.instanceMatrix.needsUpdate = true;
  }
}
