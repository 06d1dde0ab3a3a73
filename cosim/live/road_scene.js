import { KINDS, Packets, Signals, body } from "cosim-scene";
import { MapControls, THREE } from "nicegui-scene";

const PICKED = "#D55E00";
const PALETTE = {
  light: { sky: "#dfe7ec", ground: "#cbd3c4", road: "#5d646b", line: "#f4f4f4", house: "#b8b2a8", mast: "#333333" },
  dark: { sky: "#10151b", ground: "#182019", road: "#2f353d", line: "#9aa4ad", house: "#4a5058", mast: "#c8ced6" },
};
const SKY = "#ffffff", SOIL = "#8d8d8d", FROM_ABOVE = 1.9, FROM_SUN = 1.4;
const SUN = new THREE.Vector3(-0.4, -0.7, 1).normalize();
const CHASE_M = 16, EYE_M = 6, TOP_M = 140;
const POSE = 6, LINK = 4, CHANGE = 2;

function floats(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

function triangles(values, size, z = 0) {
  const count = values.length / size;
  const positions = new Float32Array(count * 3);
  for (let i = 0; i < count; i++) {
    positions[3 * i] = values[size * i];
    positions[3 * i + 1] = values[size * i + 1];
    positions[3 * i + 2] = size === 3 ? values[size * i + 2] : z;
  }
  const geometry = new THREE.BufferGeometry();
  geometry.setAttribute("position", new THREE.BufferAttribute(positions, 3));
  geometry.computeVertexNormals();
  return shaded(geometry);
}

// What doesn't move is shaded once, as a Lambert material would be for every pixel of every picture:
// without a GPU that takes a third of the time.
function shaded(geometry) {
  const normals = geometry.attributes.normal, normal = new THREE.Vector3(), colours = [];
  const sky = new THREE.Color(SKY).r, soil = new THREE.Color(SOIL).r;
  for (let i = 0; i < normals.count; i++) {
    normal.fromBufferAttribute(normals, i);
    const above = FROM_ABOVE * (soil + (sky - soil) * (0.5 + 0.5 * normal.z));
    const light = (above + FROM_SUN * Math.max(normal.dot(SUN), 0)) / Math.PI;
    colours.push(light, light, light);
  }
  geometry.setAttribute("color", new THREE.Float32BufferAttribute(colours, 3));
  return geometry;
}

function paintsBySoftware() {
  const context = document.createElement("canvas").getContext("webgl2");
  const told = context?.getExtension("WEBGL_debug_renderer_info");
  const name = told ? context.getParameter(told.UNMASKED_RENDERER_WEBGL) : "";
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return /swiftshader|llvmpipe|software/i.test(name);
}

function label(text) {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  const font = "600 44px sans-serif";
  context.font = font;
  canvas.width = context.measureText(text).width + 32;
  canvas.height = 64;
  context.font = font;
  context.fillStyle = "rgba(20, 24, 30, 0.8)";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = "white";
  context.textBaseline = "middle";
  context.fillText(text, 16, 34);
  const map = new THREE.CanvasTexture(canvas);
  const sprite = new THREE.Sprite(new THREE.SpriteMaterial({ map, sizeAttenuation: false, depthTest: false }));
  sprite.scale.set((0.03 * canvas.width) / canvas.height, 0.03, 1);
  sprite.center.set(0.5, 0);
  return sprite;
}

export default {
  template: `<div style="position: absolute; inset: 0; overflow: hidden">
    <canvas tabindex="-1" role="img" aria-label="The road and everyone on it" style="display: block; outline: none"></canvas>
  </div>`,
  props: { layoutUrl: String, inset: Boolean },

  async mounted() {
    const canvas = this.$el.children[0];
    this.roster = [];
    this.view = "chase";
    this.factor = 1;
    this.renderer = new THREE.WebGLRenderer({ canvas, antialias: !paintsBySoftware() });
    this.scene = new THREE.Scene();
    this.camera = new THREE.PerspectiveCamera(50, 1, 1, 20000);
    this.camera.up.set(0, 0, 1);
    const sky = new THREE.HemisphereLight(SKY, SOIL, FROM_ABOVE);
    sky.position.set(0, 0, 1);
    const sun = new THREE.DirectionalLight("#ffffff", FROM_SUN);
    sun.position.copy(SUN);
    this.scene.add(sky, sun);
    this.controls = new MapControls(this.camera, canvas);
    this.controls.maxPolarAngle = 1.45;
    this.controls.addEventListener("change", () => this.redraw());
    if (!this.inset) this.listen(canvas);
    this.sized = new ResizeObserver(() => this.resize());
    this.sized.observe(this.$el);
    const response = await fetch(this.layoutUrl);
    if (this.gone) return;
    this.build(await response.json());
    this.resize();
    this.look(this.view);
    window[this.inset ? "insetScene" : "roadScene"] = this; // For the tests.
  },

  beforeUnmount() {
    this.gone = true;
    this.sized?.disconnect();
    for (const [target, type, handler] of this.handlers ?? []) target.removeEventListener(type, handler);
    this.controls?.dispose();
    this.renderer?.dispose();
    this.renderer?.forceContextLoss();
  },

  methods: {
    listen(canvas) {
      let pressedAt = null;
      const held = new Set();
      const letGo = () => {
        if (held.size) this.$emit("key", ["", false]);
        held.clear();
      };
      const typing = (event) => /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
      this.handlers = [
        [canvas, "pointerdown", (e) => { pressedAt = [e.clientX, e.clientY]; canvas.focus({ preventScroll: true }); }],
        [canvas, "pointerup", (e) => {
          if (pressedAt && Math.hypot(e.clientX - pressedAt[0], e.clientY - pressedAt[1]) < 4) this.pickAt(e);
        }],
        [canvas, "wheel", (e) => { if (this.view === "chase") this.zoom(e.deltaY > 0 ? 1.1 : 0.9); }],
        [document, "keydown", (e) => {
          if (typing(e) || e.repeat || e.ctrlKey || e.altKey || e.metaKey) return;
          // A focused button keeps its own keys.
          if (e.target.closest("button, [role=button], [role=slider], a, [role=dialog]") && /^(Space|Enter|Arrow.*)$/.test(e.code)) return;
          if (/^(Space|Arrow.*)$/.test(e.code)) e.preventDefault();
          held.add(e.code);
          this.$emit("key", [e.code, true]);
        }],
        // Whoever clicked a button has the keys back; whoever came to it by Tab keeps it.
        [document, "click", (e) => { if (e.detail && e.target.closest("button")) document.activeElement?.blur(); }],
        [document, "keyup", (e) => { if (held.delete(e.code)) this.$emit("key", [e.code, false]); }],
        [window, "blur", letGo],
        [document, "visibilitychange", () => document.hidden && letGo()],
      ];
      for (const [target, type, handler] of this.handlers) target.addEventListener(type, handler, { passive: false });
    },

    build(layout) {
      this.layout = layout;
      this.material = {
        ground: new THREE.MeshBasicMaterial({ vertexColors: true }),
        road: new THREE.MeshBasicMaterial({ vertexColors: true }),
        line: new THREE.MeshBasicMaterial({ vertexColors: true }),
        house: new THREE.MeshBasicMaterial({ vertexColors: true }),
        mast: new THREE.MeshBasicMaterial({ vertexColors: true }),
      };
      const [x0, y0, x1, y1] = layout.bounds;
      this.middle = new THREE.Vector3((x0 + x1) / 2, (y0 + y1) / 2, 0);
      this.extent = Math.max(x1 - x0, y1 - y0, 100);
      const ground = new THREE.Mesh(shaded(new THREE.PlaneGeometry(6 * this.extent, 6 * this.extent)), this.material.ground);
      ground.position.set(this.middle.x, this.middle.y, -0.3);
      const flat = [["roads", "road", 0], ["lines", "line", 0.05]];
      for (const [part, material, z] of flat) {
        this.scene.add(new THREE.Mesh(triangles(floats(layout[part]), 2, z), this.material[material]));
      }
      this.scene.add(ground, new THREE.Mesh(triangles(floats(layout.buildings), 3), this.material.house));
      const sites = new Map();
      layout.masts.forEach(([x, y, z], cell) => sites.set(`${x} ${y}`, [x, y, z, layout.cells[cell].split("/")[0]]));
      for (const [x, y, z, name] of sites.values()) {
        const mast = new THREE.Mesh(shaded(new THREE.CylinderGeometry(0.4, 0.9, z, 8).rotateX(Math.PI / 2)), this.material.mast);
        mast.position.set(x, y, z / 2);
        const sign = label(name);
        sign.position.set(x, y, z + 2);
        this.scene.add(mast, sign);
      }
      if (layout.signals.heads.length) this.signals = new Signals(this.scene, layout.signals);
      this.bodies = layout.kinds.map((kind) => {
        const [colour, parts] = KINDS[kind];
        return { geometry: body(parts), colour: new THREE.Color(colour), mesh: null };
      });
      this.scale = layout.scale.map(([r, g, b]) => new THREE.Color().setRGB(r, g, b, THREE.SRGBColorSpace));
      this.beams = new THREE.LineSegments(
        new THREE.BufferGeometry(),
        new THREE.LineBasicMaterial({ vertexColors: true, transparent: true, opacity: 0.75 }),
      );
      this.beams.frustumCulled = false;
      this.ring = new THREE.Mesh(new THREE.RingGeometry(0.95, 1, 64), new THREE.MeshBasicMaterial({ color: PICKED, side: THREE.DoubleSide }));
      this.ring.visible = false;
      // A line is a pixel wide; the picked one's is to be seen.
      this.thread = new THREE.Mesh(new THREE.CylinderGeometry(0.09, 0.09, 1, 6).rotateX(Math.PI / 2), new THREE.MeshBasicMaterial({ transparent: true, depthWrite: false }));
      this.scene.add(this.beams, this.ring, this.thread);
      this.packets = new Packets(this.scene);
      this.paint(this.dark ?? false);
    },

    // All of a frame in one message; returns once it is drawn, so that a slow page gets fewer.
    show(frame) {
      if (!this.layout) return false;
      frame.roster.forEach((one, i) => (this.roster[frame.first + i] = one));
      const users = floats(frame.users);
      const links = floats(frame.links);
      this.users = users;
      this.picked = frame.picked;
      this.place = new Map();
      this.members = this.bodies.map(() => []);
      for (let i = 0; i < users.length; i += POSE) {
        const one = this.roster[users[i]];
        if (!one) continue;
        this.place.set(users[i], i);
        this.members[one[0]].push(i);
      }
      if (frame.lights) this.signals?.show(frame.lights);
      this.putBodies(frame.picked);
      this.putBeams(links, floats(frame.changing));
      this.packets.show(floats(frame.packets), (number) => this.antenna(number), this.layout.masts);
      this.follow(frame.picked);
      this.draw();
      return true;
    },

    putBodies(picked) {
      const matrix = new THREE.Matrix4(), turn = new THREE.Quaternion(), up = new THREE.Vector3(0, 0, 1);
      const at = new THREE.Vector3(), size = new THREE.Vector3(), chosen = new THREE.Color(PICKED);
      this.bodies.forEach((kind, k) => {
        const members = this.members[k];
        if (!kind.mesh || kind.mesh.instanceMatrix.count < members.length) {
          if (kind.mesh) this.scene.remove(kind.mesh), kind.mesh.dispose();
          const room = Math.max(16, 2 * members.length);
          kind.mesh = new THREE.InstancedMesh(kind.geometry, new THREE.MeshLambertMaterial({ vertexColors: true }), room);
          kind.mesh.frustumCulled = false;
          this.scene.add(kind.mesh);
        }
        members.forEach((i, row) => {
          const [number, x, y, z, heading] = this.users.subarray(i, i + POSE);
          const [, length, width, height] = this.roster[number];
          at.set(x, y, z + 0.02);
          turn.setFromAxisAngle(up, heading);
          kind.mesh.setMatrixAt(row, matrix.compose(at, turn, size.set(length, width, height)));
          kind.mesh.setColorAt(row, number === picked ? chosen : kind.colour);
        });
        kind.mesh.count = members.length;
        kind.mesh.instanceMatrix.needsUpdate = true;
        if (kind.mesh.instanceColor) kind.mesh.instanceColor.needsUpdate = true;
        kind.mesh.boundingSphere = null;
      });
      const i = this.place.get(picked);
      this.ring.visible = i !== undefined;
      if (i === undefined) return;
      this.ring.position.set(this.users[i + 1], this.users[i + 2], this.users[i + 3] + 0.12);
      this.ring.scale.setScalar(0.5 * Math.max(this.roster[picked][1], 2) + 0.6);
    },

    // Where a station's antenna is, if it is there.
    antenna(number) {
      const at = this.place.get(number);
      return at === undefined ? null : [this.users[at + 1], this.users[at + 2], this.users[at + 3] + this.roster[number][3]];
    },

    // A line from each station to its cell, coloured by SINR; while it changes cells it is white, and
    // there is one to the cell that it comes from.
    putBeams(links, changing) {
      const [low, high] = this.layout.sinr_db, steps = this.scale.length - 1;
      const ends = [], colours = [], white = new THREE.Color("#ffffff"), left = new THREE.Color(PICKED);
      const flashing = new Map();
      this.thread.visible = false;
      for (let i = 0; i < changing.length; i += CHANGE) flashing.set(changing[i], this.layout.masts[changing[i + 1]]);
      for (let i = 0; i < links.length; i += LINK) {
        const [number, cell, sinr, interrupted] = links.subarray(i, i + LINK);
        const antenna = this.antenna(number), mast = this.layout.masts[cell];
        if (!antenna) continue;
        const flash = flashing.has(number), old = flashing.get(number);
        if (old && old !== mast) {
          ends.push(...antenna, ...old);
          for (let end = 0; end < 2; end++) colours.push(left.r, left.g, left.b);
        }
        if (!mast || (interrupted && !flash)) continue;
        ends.push(...antenna, ...mast);
        const share = Math.min(Math.max((sinr - low) / (high - low), 0), 1);
        const colour = flash ? white : this.scale[Math.round(share * steps) || 0];
        for (let end = 0; end < 2; end++) colours.push(colour.r, colour.g, colour.b);
        if (number === this.picked) this.span(this.thread, antenna, mast, colour);
      }
      this.beams.geometry.dispose();
      this.beams.geometry = new THREE.BufferGeometry();
      this.beams.geometry.setAttribute("position", new THREE.Float32BufferAttribute(ends, 3));
      this.beams.geometry.setAttribute("color", new THREE.Float32BufferAttribute(colours, 3));
    },

    // Lay something that is 1 long along z from one place to another.
    span(mesh, from, to, colour) {
      const begin = new THREE.Vector3(...from), end = new THREE.Vector3(...to);
      mesh.position.lerpVectors(begin, end, 0.5);
      mesh.scale.set(1, 1, begin.distanceTo(end));
      mesh.lookAt(end);
      mesh.material.color.copy(colour);
      mesh.visible = true;
    },

    follow(picked) {
      const i = this.place.get(picked);
      if (i === undefined) return;
      const at = new THREE.Vector3(...this.users.subarray(i + 1, i + 4)), heading = this.users[i + 4];
      if (this.view === "chase") {
        const away = CHASE_M * this.factor;
        const behind = new THREE.Vector3(-Math.cos(heading) * away, -Math.sin(heading) * away, EYE_M * this.factor).add(at);
        const jumped = !this.eye || this.eye.distanceTo(behind) > 60;
        this.eye = jumped ? behind : this.eye.lerp(behind, 0.35);
        this.camera.position.copy(this.eye);
        this.camera.lookAt(at.x + Math.cos(heading) * 6, at.y + Math.sin(heading) * 6, at.z + 1.5);
      } else if (this.view === "top") {
        const by = at.clone().sub(this.controls.target);
        this.controls.target.add(by);
        this.camera.position.add(by);
        this.controls.update();
      }
    },

    look(view) {
      this.view = view;
      if (!this.layout) return;
      this.eye = null;
      this.controls.enabled = view !== "chase";
      this.controls.enableRotate = view === "area";
      if (view === "top") {
        const target = this.ring.visible ? this.ring.position : this.middle;
        this.controls.target.copy(target);
        this.camera.position.set(target.x, target.y - 0.01, TOP_M * this.factor);
        this.controls.update();
      } else if (view === "area" || !this.ring.visible) {
        // There is nobody to chase yet.
        this.controls.target.copy(this.middle);
        this.camera.position.set(this.middle.x, this.middle.y - 0.55 * this.extent, 0.6 * this.extent);
        this.controls.update();
      }
      this.redraw();
    },

    zoom(factor) {
      if (this.view === "chase") {
        this.factor = Math.min(Math.max(this.factor * factor, 0.4), 12);
        return;
      }
      this.camera.position.sub(this.controls.target).multiplyScalar(factor).add(this.controls.target);
      this.controls.update();
    },

    paint(dark) {
      this.dark = dark;
      if (!this.layout) return;
      const palette = PALETTE[dark ? "dark" : "light"];
      for (const [part, material] of Object.entries(this.material)) material.color.set(palette[part]);
      this.scene.background = new THREE.Color(palette.sky);
      this.scene.fog = new THREE.Fog(palette.sky, 1.2 * this.extent + 300, 4 * this.extent + 1500);
      this.redraw();
    },

    cover(coverage) {
      if (this.covered) {
        this.scene.remove(this.covered);
        for (const part of [this.covered.geometry, this.covered.material.map, this.covered.material]) part.dispose();
      }
      this.covered = null;
      if (coverage) {
        const [low, high] = this.layout.sinr_db, steps = this.scale.length - 1;
        const values = floats(coverage.sinr_db), texels = new Uint8Array(4 * values.length);
        values.forEach((sinr, i) => {
          if (Number.isNaN(sinr)) return; // No cell: nothing is laid there.
          const share = Math.min(Math.max((sinr - low) / (high - low), 0), 1);
          const { r, g, b } = this.scale[Math.round(share * steps)].clone().convertLinearToSRGB();
          texels.set([255 * r, 255 * g, 255 * b, 150], 4 * i);
        });
        const map = new THREE.DataTexture(texels, coverage.columns, values.length / coverage.columns);
        map.colorSpace = THREE.SRGBColorSpace;
        map.magFilter = THREE.LinearFilter;
        map.needsUpdate = true;
        const [x0, x1] = coverage.x, [y0, y1] = coverage.y;
        this.covered = new THREE.Mesh(
          new THREE.PlaneGeometry(x1 - x0, y1 - y0),
          new THREE.MeshBasicMaterial({ map, transparent: true, depthWrite: false }),
        );
        this.covered.position.set((x0 + x1) / 2, (y0 + y1) / 2, 0.1);
        this.scene.add(this.covered);
      }
      this.redraw();
    },

    pickAt(event) {
      const box = this.renderer.domElement.getBoundingClientRect();
      const at = new THREE.Vector2(((event.clientX - box.left) / box.width) * 2 - 1, 1 - ((event.clientY - box.top) / box.height) * 2);
      const ray = new THREE.Raycaster();
      ray.setFromCamera(at, this.camera);
      const meshes = this.bodies.map((kind) => kind.mesh).filter(Boolean);
      const [hit] = ray.intersectObjects(meshes);
      if (!hit) return;
      const kind = this.bodies.findIndex(({ mesh }) => mesh === hit.object);
      this.$emit("pick", this.users[this.members[kind][hit.instanceId]]);
    },

    resize() {
      const { clientWidth: width, clientHeight: height } = this.$el;
      if (!width || !height) return;
      this.renderer.setPixelRatio(Math.min(window.devicePixelRatio, 2));
      this.renderer.setSize(width, height);
      this.camera.aspect = width / height;
      this.camera.updateProjectionMatrix();
      this.redraw();
    },

    // Once per picture of the screen, however often it is asked for.
    redraw() {
      if (this.asked || !this.layout) return;
      this.asked = requestAnimationFrame(() => this.draw());
    },

    draw() {
      cancelAnimationFrame(this.asked);
      this.asked = null;
      this.renderer.render(this.scene, this.camera);
    },
  },
};
