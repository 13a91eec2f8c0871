// The view as one PNG: every panel's canvases where they stand, and its words.

import { colours } from "./palette.js";

/**
 * Draws all `[data-picture]` inside a root, under a title; resolves to a blob.
 * @param {number} scale Pixels in a pixel of the page.
 * @param {Map} finer Canvases that are to be drawn instead of others.
 */
export function picture(root, title, scale, finer) {
  const parts = [...root.querySelectorAll("[data-picture]")].filter((part) => part.offsetParent);
  const boxes = parts.map((part) => part.getBoundingClientRect());
  const margin = 16;
  const head = 34;
  const left = Math.min(...boxes.map((box) => box.left)) - margin;
  const top = Math.min(...boxes.map((box) => box.top)) - margin - head;
  const canvas = document.createElement("canvas");
  canvas.width = scale * (Math.max(...boxes.map((box) => box.right)) - left + margin);
  canvas.height = scale * (Math.max(...boxes.map((box) => box.bottom)) - top + margin);
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, -scale * left, -scale * top);
  pen.fillStyle = colours.page;
  pen.fillRect(left, top, canvas.width / scale, canvas.height / scale);
  pen.fillStyle = colours.ink;
  pen.font = `600 15px ${getComputedStyle(document.body).fontFamily}`;
  pen.textBaseline = "middle";
  pen.fillText(title, left + margin, top + margin + 8);
  for (const [k, part] of parts.entries()) {
    const box = boxes[k];
    pen.fillStyle = colours.paper;
    pen.fillRect(box.left, box.top, box.width, box.height);
    pen.strokeStyle = colours.grid;
    pen.lineWidth = 1;
    pen.strokeRect(box.left + 0.5, box.top + 0.5, box.width - 1, box.height - 1);
    for (const one of part.querySelectorAll("canvas")) {
      const place = one.getBoundingClientRect();
      const drawn = finer.get(one) ?? one;
      if (place.width && one.width) pen.drawImage(drawn, place.left, place.top, place.width, place.height);
    }
    words(pen, part);
  }
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

/** Writes what stands in `.say` elements, and their coloured keys. */
function words(pen, part) {
  for (const element of part.querySelectorAll(".say")) {
    const box = element.getBoundingClientRect();
    if (!box.width || getComputedStyle(element).visibility === "hidden") continue;
    const style = getComputedStyle(element);
    let x = box.left;
    const key = element.querySelector("i");
    if (key) {
      const place = key.getBoundingClientRect();
      pen.fillStyle = getComputedStyle(key).borderTopColor;
      pen.fillRect(place.left, place.top, place.width, Math.max(2, place.height));
      x = place.right + 4;
    }
    pen.fillStyle = style.color;
    pen.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
    pen.textAlign = "left";
    pen.textBaseline = "middle";
    const text = element.tagName === "SELECT" ? element.selectedOptions[0]?.text ?? "" : element.textContent.trim();
    pen.fillText(text, x, box.top + box.height / 2, box.right - x + 40);
  }
}

/** Saves a blob under a name. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
