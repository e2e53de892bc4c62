// Paints a product's mask over its photo. Without it a mask file can be chosen.
"use strict";
(() => {
  const canvas = document.getElementById("canvas");
  const form = document.getElementById("save");
  if (!canvas || !form) return;
  const view = canvas.getContext("2d");
  const { width, height } = canvas;
  const mask = Object.assign(document.createElement("canvas"), { width, height });
  const layer = mask.getContext("2d", { willReadFrequently: true });
  const tint = Object.assign(document.createElement("canvas"), { width, height });
  const colour = tint.getContext("2d");
  const brush = document.getElementById("brush");
  const undo = document.querySelector("[data-undo]");
  const tools = [...document.querySelectorAll("[data-tool]")];
  const photo = new Image();
  const first = new Image();
  const before = [];
  let tool = "paint", stroke = null, at = { x: width / 2, y: height / 2 }, shown = false;

  const draw = () => {
    view.clearRect(0, 0, width, height);
    view.drawImage(photo, 0, 0, width, height);
    colour.globalCompositeOperation = "copy";
    colour.drawImage(mask, 0, 0);
    colour.globalCompositeOperation = "source-in";
    colour.fillStyle = "rgb(220 40 30)";
    colour.fillRect(0, 0, width, height);
    view.globalAlpha = 0.5;
    view.drawImage(tint, 0, 0);
    view.globalAlpha = 1;
    if (shown) {
      view.lineWidth = 3; view.strokeStyle = "#000"; view.beginPath();
      view.arc(at.x, at.y, brush.value / 2, 0, 7); view.stroke();
      view.lineWidth = 1.5; view.strokeStyle = "#fff"; view.stroke();
    }
  };
  const keep = () => {
    before.push(layer.getImageData(0, 0, width, height));
    if (before.length > 30) before.shift();
    undo.disabled = false;
    canvas.dataset.changed = "1";
  };
  const line = (from, to) => {
    layer.globalCompositeOperation = tool === "paint" ? "source-over" : "destination-out";
    layer.strokeStyle = "#fff"; layer.lineCap = "round"; layer.lineWidth = Number(brush.value);
    layer.beginPath(); layer.moveTo(from.x, from.y); layer.lineTo(to.x + 0.01, to.y); layer.stroke();
    draw();
  };
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: (event.clientX - box.left) * width / box.width, y: (event.clientY - box.top) * height / box.height };
  };
  const choose = (name) => {
    tool = name;
    tools.forEach((one) => one.setAttribute("aria-pressed", String(one.dataset.tool === name)));
  };
  const back = () => {
    if (!before.length) return;
    layer.putImageData(before.pop(), 0, 0);
    undo.disabled = !before.length;
    draw();
  };
  const size = (step) => {
    brush.value = Number(brush.value) + step;
    brush.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const save = () => {
    // The mask's alpha as grey: white on the product.
    const data = layer.getImageData(0, 0, width, height);
    for (let i = 0; i < data.data.length; i += 4) {
      data.data.fill(data.data[i + 3], i, i + 3);
      data.data[i + 3] = 255;
    }
    colour.globalCompositeOperation = "source-over";
    colour.putImageData(data, 0, 0);
    tint.toBlob((blob) => {
      const files = new DataTransfer();
      files.items.add(new File([blob], "mask.png", { type: "image/png" }));
      document.getElementById("file").files = files.files;
      form.submit();
    }, "image/png");
  };

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    keep(); stroke = place(event); at = stroke; shown = true; line(stroke, stroke);
  });
  canvas.addEventListener("pointermove", (event) => {
    at = place(event); shown = true;
    if (stroke) { line(stroke, at); stroke = at; } else draw();
  });
  ["pointerup", "pointercancel"].forEach((name) => canvas.addEventListener(name, () => { stroke = null; }));
  canvas.addEventListener("pointerleave", () => { shown = document.activeElement === canvas; draw(); });
  canvas.addEventListener("focus", () => { shown = true; draw(); });
  canvas.addEventListener("blur", () => { shown = false; draw(); });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-8, 0], ArrowRight: [8, 0], ArrowUp: [0, -8], ArrowDown: [0, 8] }[event.key];
    if (!step && event.key !== " ") return;
    event.preventDefault(); event.stopPropagation();
    if (step) {
      at = { x: Math.min(Math.max(at.x + step[0], 0), width), y: Math.min(Math.max(at.y + step[1], 0), height) };
      draw();
    } else { keep(); line(at, at); }
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input")) return;
    const does = { e: () => choose(tool === "paint" ? "wipe" : "paint"), u: back, s: save, "+": () => size(6), "-": () => size(-6) }[event.key.toLowerCase()];
    if (does) { event.preventDefault(); does(); }
  });
  tools.forEach((one) => one.addEventListener("click", () => choose(one.dataset.tool)));
  undo.addEventListener("click", back);
  form.addEventListener("submit", (event) => {
    if (document.getElementById("file").files.length && !canvas.dataset.changed) return;
    event.preventDefault(); save();
  });

  first.addEventListener("load", () => {
    layer.drawImage(first, 0, 0, width, height);
    const data = layer.getImageData(0, 0, width, height);
    for (let i = 0; i < data.data.length; i += 4) {
      data.data[i + 3] = data.data[i];
      data.data.fill(255, i, i + 3);
    }
    layer.putImageData(data, 0, 0);
    draw();
    canvas.dataset.ready = "1";
  });
  photo.addEventListener("load", () => { first.src = canvas.dataset.mask; });
  photo.src = canvas.dataset.photo;
})();
