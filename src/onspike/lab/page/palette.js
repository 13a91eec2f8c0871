// Colours and numbers, as the whole page writes them.

const NAMES = [
  "page", "paper", "ink", "muted", "grid", "rule", "blue", "vermillion", "green",
  "orange", "purple", "sky",
];

/** Colours as the style sheet has them now, light or dark. */
export const colours = {};

export function readColours() {
  const probe = document.createElement("span");
  document.body.append(probe);
  for (const name of NAMES) {
    probe.style.color = `var(--${name})`;
    colours[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  colours.series = ["blue", "vermillion", "green", "purple", "orange", "sky", "muted"].map(
    (name) => colours[name],
  );
}

let finer = null;

/** Pixels of a canvas in a pixel of the page. */
export const density = () => finer ?? Math.min(2, devicePixelRatio || 1);

/** Sets it for a picture, or, with null, back to what the screen needs. */
export function setDensity(value) {
  finer = value;
}

/** The colour of the k-th of several. */
export const series = (k) => colours.series[k % colours.series.length];

/** A colour with so much opacity. */
export const faint = (colour, alpha) =>
  colour.replace(/rgba?\(([^)]+)\)/, (_, inner) => {
    const [r, g, b] = inner.split(/[\s,/]+/);
    return `rgba(${r}, ${g}, ${b}, ${alpha})`;
  });

export const channels = (colour) => colour.match(/[\d.]+/g).slice(0, 3).map(Number);

/** Three significant digits, without needless zeros. */
export function short(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) return value.toExponential(1).replace("e+", "e");
  return String(Number(value.toPrecision(3)));
}

export const whole = (value) => Math.round(value).toLocaleString("en-GB");

export const percent = (value) =>
  value === null || value === undefined ? "–" : `${(100 * value).toFixed(1)} %`;

export const FONT = '11px system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif';
