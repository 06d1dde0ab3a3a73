// Tells whatever moves at a gamepad or a steering wheel while the page has the keyboard.
const EVERY_MS = 30;
const hundredths = (value) => Math.round(100 * value) / 100;

export default {
  template: "<div hidden></div>",

  mounted() {
    this.told = new Map();
    this.timer = setInterval(() => this.look(), EVERY_MS);
  },

  beforeUnmount() {
    clearInterval(this.timer);
  },

  methods: {
    look() {
      const there = document.hasFocus() ? [...navigator.getGamepads()].filter((pad) => pad?.connected) : [];
      for (const index of this.told.keys()) {
        if (there.some((pad) => pad.index === index)) continue;
        this.told.delete(index);
        this.$emit("gone", index);
      }
      for (const { index, mapping, axes, buttons } of there) {
        const reads = [axes.map(hundredths), buttons.map((button) => hundredths(button.value))];
        if (JSON.stringify(reads) === JSON.stringify(this.told.get(index))) continue;
        this.told.set(index, reads);
        this.$emit("moved", [index, mapping === "standard", ...reads]);
      }
    },
  },
};
