"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const canvas = document.getElementById("heat");
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
  const wanted = { words: [], only: "" };
  const rows = [...document.querySelectorAll("table.layers tbody tr")];
  const matches = (path, kind, worst) => wanted.words.every((word) => path.toLowerCase().includes(word))
    && (!wanted.only || (wanted.only === "!" ? worst !== "" : kind === wanted.only));

  function filter() {
    wanted.words = document.getElementById("find").value.toLowerCase().split(/\s+/).filter(Boolean);
    wanted.only = document.getElementById("only").value;
    let shown = 0;
    for (const row of rows) {
      row.hidden = !matches(row.cells[0].textContent, row.cells[1].textContent, row.className);
      shown += row.hidden ? 0 : 1;
    }
    const some = wanted.words.length || wanted.only;
    document.getElementById("found").textContent = some ? `${shown} of ${rows.length} layers` : "";
    dispatchEvent(new Event("filtered"));
  }
  if (rows.length > 12) {
    document.getElementById("filter").hidden = false;
    document.getElementById("find").addEventListener("input", filter);
    document.getElementById("only").addEventListener("change", filter);
  }
  if (!canvas || !data.quantities.length) return;

  const MAGNITUDE = ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"];
  const SHARE = ["#fff1dd", "#fdbb6b", "#e8751a", "#a33b00", "#5c1a00"];
  const all = data.layers.length;
  const columns = data.steps.length;
  const readout = document.getElementById("readout");
  const buttons = [...document.querySelectorAll("[data-quantity]")];
  const context = canvas.getContext("2d");
  const cursor = { row: -1, column: 0 }; // the row is a layer, shown or not
  let chosen = 0;
  let box = null;

  for (const quantity of data.quantities) {
    quantity.codes = new Uint8Array(all * columns);
    quantity.cells.forEach((line, row) => {
      for (let column = 0; column < columns; column++) {
        quantity.codes[row * columns + column] = data.alphabet.indexOf(line[line.length === 1 ? 0 : column]);
      }
    });
    const lows = [], highs = [];
    quantity.rows = data.layers.map((_, row) => row).filter((row) => quantity.codes.subarray(row * columns, (row + 1) * columns).some((code) => code > 0));
    quantity.ranges.forEach((range, row) => {
      const line = quantity.codes.subarray(row * columns, (row + 1) * columns);
      if (line.some((code) => code > 2)) { lows.push(range[0]); highs.push(range[1]); }
    });
    quantity.high = quantity.log ? Math.max(...highs, -300) : 1;
    quantity.low = quantity.log ? Math.min(...lows, quantity.high - 4) : 0;
  }

  function scaled(quantity, row, column) {
    const code = quantity.codes[row * columns + column];
    if (code < 3) return { code };
    const [low, high] = quantity.ranges[row];
    return { code, value: low + ((code - 3) / (data.alphabet.length - 4)) * (high - low) };
  }

  function words(quantity, cell) {
    if (cell.code === 0) return "not measured";
    if (cell.code === 1) return quantity.log ? "exactly 0" : "0%";
    if (cell.code === 2) return "not finite";
    if (!quantity.log) return `${(100 * cell.value).toFixed(cell.value < 0.1 ? 1 : 0)}%`;
    const value = 10 ** cell.value;
    return value >= 0.001 && value < 10000 ? value.toPrecision(2) : value.toExponential(1).replace("e+", "e");
  }

  function mixed(anchors, share) {
    const place = Math.min(Math.max(share, 0), 1) * (anchors.length - 1);
    const index = Math.min(Math.floor(place), anchors.length - 2);
    const part = (k) => [1, 3, 5].map((i) => parseInt(anchors[k].slice(i, i + 2), 16));
    const from = part(index), to = part(index + 1);
    return `rgb(${from.map((v, i) => Math.round(v + (to[i] - v) * (place - index))).join(",")})`;
  }

  function color(quantity, cell, style) {
    if (cell.code === 2) return style.getPropertyValue("--nonfinite");
    if (cell.code === 1) return quantity.log ? style.getPropertyValue("--zero") : SHARE[0];
    const share = (cell.value - quantity.low) / (quantity.high - quantity.low || 1);
    return mixed(quantity.log ? MAGNITUDE : SHARE, share);
  }

  function visible(quantity) {
    return quantity.rows.filter((row) => {
      const layer = data.layers[row];
      return matches(layer.path, layer.kind, layer.worst);
    });
  }

  function draw() {
    const quantity = data.quantities[chosen];
    const style = getComputedStyle(document.documentElement);
    const shown = visible(quantity);
    const width = canvas.clientWidth;
    const height = Math.max(shown.length > 400 ? 1 : 2.5, Math.min(22, (shown.length > 200 ? 600 : 460) / Math.max(shown.length, 1)));
    const ratio = devicePixelRatio || 1;
    const tall = Math.ceil(shown.length * height);
    canvas.style.height = `${tall + 20}px`;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round((tall + 20) * ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, tall + 20);
    context.font = `12px ${getComputedStyle(document.body).fontFamily}`;
    const longest = Math.max(0, ...shown.map((row) => context.measureText(data.layers[row].path.slice(0, 60)).width));
    const margin = Math.min(width * 0.28, 190, longest + 18);
    box = { left: margin, width: width - margin, height, cell: (width - margin) / columns };
    labels(style, shown, margin, height);
    for (let line = 0; line < shown.length; line++) {
      for (let column = 0; column < columns; column++) {
        const cell = scaled(quantity, shown[line], column);
        if (cell.code === 0) continue;
        context.fillStyle = color(quantity, cell, style);
        const x = box.left + column * box.cell;
        const gap = height > 8 && box.cell > 8 ? 1 : 0;
        const y = gap ? line * height : Math.floor(line * height);
        context.fillRect(x, y, box.cell - (gap || -0.5), gap ? height - gap : Math.ceil(height));
      }
    }
    axis(style, tall);
    outline(style, shown);
    legend(quantity);
  }

  function labels(style, shown, margin, height) {
    const every = Math.ceil(13 / height);
    context.textBaseline = "middle";
    shown.forEach((which, row) => {
      const layer = data.layers[which];
      const middle = (row + 0.5) * height;
      const tint = layer.worst === "error" ? "--bad" : layer.worst === "warning" ? "--warn" : "--faint";
      context.fillStyle = style.getPropertyValue(tint);
      if (layer.worst) context.fillRect(margin - 6, row * height, 4, Math.max(height - 1, 1));
      if (row % every === 0) context.fillText(fitted(layer.path, margin - 14), 0, middle + Math.max(7 - height / 2, 0));
    });
  }

  function fitted(text, width) {
    if (context.measureText(text).width <= width) return text;
    let keep = text.length;
    const cut = (n) => `${text.slice(0, Math.floor(n / 2))}…${text.slice(text.length - Math.ceil(n / 2))}`;
    while (keep > 2 && context.measureText(cut(keep)).width > width) keep -= 1;
    return cut(keep);
  }

  function axis(style, tall) {
    context.fillStyle = style.getPropertyValue("--faint");
    context.textBaseline = "alphabetic";
    const every = Math.max(1, Math.ceil(60 / box.cell));
    for (let column = 0; column < columns; column += every) {
      const text = `${column === 0 ? "step " : ""}${data.steps[column]}`;
      const x = box.left + column * box.cell;
      if (x + context.measureText(text).width <= box.left + box.width) context.fillText(text, x, tall + 15);
    }
  }

  function outline(style, shown) {
    const line = shown.indexOf(cursor.row);
    if (line < 0) return;
    const x = box.left + cursor.column * box.cell, y = line * box.height;
    context.lineWidth = 2;
    context.strokeStyle = style.getPropertyValue("--ink");
    context.strokeRect(x - 1, y - 1, Math.max(box.cell, 3) + 1, Math.max(box.height, 3) + 1);
    if (box.height < 8) context.strokeRect(x - 1, 0, Math.max(box.cell, 3) + 1, shown.length * box.height);
    context.strokeRect(box.left - 1, y - 1, box.width + 1, Math.max(box.height, 3) + 1);
  }

  function legend(quantity) {
    const has = (code) => quantity.codes.includes(code);
    document.getElementById("low").textContent = words(quantity, { code: 3, value: quantity.low });
    document.getElementById("high").textContent = words(quantity, { code: 3, value: quantity.high });
    document.getElementById("ramp").classList.toggle("share", !quantity.log);
    document.getElementById("key-zero").hidden = !(quantity.log && has(1));
    document.getElementById("key-nonfinite").hidden = !has(2);
    document.getElementById("about").textContent = quantity.about;
  }

  function tell() {
    if (cursor.row < 0) return;
    const quantity = data.quantities[chosen];
    const layer = data.layers[cursor.row];
    const said = words(quantity, scaled(quantity, cursor.row, cursor.column));
    readout.textContent = `${layer.path} (${layer.kind}), step ${data.steps[cursor.column]}: ${quantity.label.toLowerCase()} ${said}`;
  }

  function moveTo(line, column) {
    const shown = visible(data.quantities[chosen]);
    if (!shown.length) return;
    cursor.row = shown[Math.min(Math.max(line, 0), shown.length - 1)];
    cursor.column = Math.min(Math.max(column, 0), columns - 1);
    draw();
    tell();
  }

  function choose(index) {
    chosen = index;
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(i === index)));
    draw();
    tell();
  }

  canvas.addEventListener("pointermove", (event) => {
    const x = event.offsetX - box.left, line = Math.floor(event.offsetY / box.height);
    if (line < 0 || line >= visible(data.quantities[chosen]).length) return;
    moveTo(line, Math.floor(x / box.cell));
  });
  canvas.addEventListener("keydown", (event) => {
    const shown = visible(data.quantities[chosen]), count = shown.length, line = shown.indexOf(cursor.row);
    const page = Math.max(1, Math.round(count / 10));
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-page, 0], PageDown: [page, 0], Home: [-count, 0], End: [count, 0] };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    if (line < 0) moveTo(event.key === "End" ? count : 0, 0);
    else moveTo(line + move[0], cursor.column + move[1]);
  });
  buttons.forEach((button, index) => button.addEventListener("click", () => choose(index)));
  for (const chip of document.querySelectorAll("[data-layer]")) {
    const row = data.layers.findIndex((layer) => layer.path === chip.dataset.layer);
    const holders = data.quantities.map((quantity) => quantity.rows.includes(row));
    if (row < 0 || !holders.includes(true)) { chip.disabled = true; continue; }
    chip.addEventListener("click", () => {
      canvas.scrollIntoView({ block: "center" });
      canvas.focus({ preventScroll: true });
      if (!holders[chosen]) choose(holders.indexOf(true));
      if (!visible(data.quantities[chosen]).includes(row)) clear();
      moveTo(visible(data.quantities[chosen]).indexOf(row), cursor.row < 0 ? columns - 1 : cursor.column);
    });
  }
  function clear() {
    document.getElementById("find").value = "";
    document.getElementById("only").value = "";
    filter();
  }
  addEventListener("filtered", draw);
  addEventListener("resize", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  draw();
})();
