"use strict";
// Draws the figures of the data in this page, filters them, and gives each as CSV. It asks nobody for anything.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { cube, colours } = data;
  const PALETTE = ["#2f7fd0", "#d06a00", "#0f8f7e", "#c9408f", "#7d6bd6", "#6f8420", "#7a8590", "#b0632f"];
  const DASHES = ["", "7 4", "2 3"];
  const ALL = -1, CELL = 3, TOP = 20, HIGH = 240, LEFT = 64, RIGHT = 8, FOOT = 24, TOPMOST = 10;
  const NONE = { customer: "", source: "", type: "" };
  const PREVIOUS = " in the period before";
  let chosen = NONE, paper = false;

  // ---- words

  const bytes = (value) => {
    const units = ["B", "kB", "MB", "GB", "TB", "PB"];
    let place = 0;
    while (value >= 1000 && place < units.length - 1) { value /= 1000; place += 1; }
    return `${place ? value.toFixed(1) : value.toFixed(0)} ${units[place]}`;
  };
  const duration = (ms) => {
    if (ms < 999.5) return `${Math.round(ms)} ms`;
    if (ms < 59950) return `${(ms / 1000).toFixed(1)} s`;
    const seconds = Math.round(ms / 1000);
    for (const [high, low, size, part] of [["d", "h", 86400, 3600], ["h", "min", 3600, 60], ["min", "s", 60, 1]]) {
      if (seconds >= size) return `${Math.floor(seconds / size)} ${high} ${Math.floor(seconds % size / part)} ${low}`;
    }
    return "1 min 0 s";
  };
  const number = (value) => Math.round(value).toLocaleString("en-US");
  const share = (value) => `${(100 * value).toFixed(1)} %`;
  const WRITERS = { number, bytes, duration, share };
  const text = (value, kind) => (value === null || value === undefined ? "-" : WRITERS[kind](value));
  const time = (ms, width = data.interval) => {
    const said = new Date(ms).toISOString();
    if (width === "month") return said.slice(0, 7);
    return width === "day" ? said.slice(0, 10) : said.slice(0, 16).replace("T", " ");
  };
  const key = (value, column, figure) => {
    if (column.kind !== "time") return String(value);
    return time(value, figure.keys[0] === column ? data.interval : "month");
  };

  // ---- pieces of the page

  const SVG = "http://www.w3.org/2000/svg";
  const fill = (element, attributes, children) => {
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const html = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
  const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
  const sum = (rows, of) => rows.reduce((total, row) => total + (of(row) || 0), 0);
  const grouped = (rows, of) => {
    const found = new Map();
    for (const row of rows) {
      const name = of(row);
      if (!found.has(name)) found.set(name, []);
      found.get(name).push(row);
    }
    return found;
  };

  // ---- what the filters leave, in the form of the figures' own rows

  const cellsOf = (packed) => Object.entries(packed).flatMap(([of, flat]) => {
    const [customer, source, type] = of.split(" ").map(Number), cells = [];
    for (let at = 0; at < flat.length; at += CELL) {
      const [when, photos, size] = flat.slice(at, at + CELL);
      cells.push({ customer, source: cube.sources[source], type: cube.types[type], time: cube.times[when], photos, size });
    }
    return cells;
  });
  const all = cellsOf(cube.cells), before = cellsOf(cube.before);
  const left = (cells, customer) => cells.filter((cell) =>
    cell.customer === customer && (!chosen.source || cell.source === chosen.source)
      && (!chosen.type || cell.type === chosen.type));
  const together = () => (chosen.customer === "" ? ALL : Number(chosen.customer));
  const photosOf = (cells) => sum(cells, (cell) => cell.photos);
  const sizeOf = (cells) => sum(cells, (cell) => cell.size);
  const byPhotos = (one, other) => photosOf(other[1]) - photosOf(one[1]) || (String(one[0]) < String(other[0]) ? -1 : 1);
  const listed = (of) => [...grouped(left(all, together()), of)].sort(byPhotos);
  const stacked = (of) => [...grouped(left(all, together()), (cell) => cell.time)]
    .sort((one, other) => one[0] - other[0])
    .flatMap(([when, cells]) => [...grouped(cells, of)].map(([name, own]) => [when, name, photosOf(own)]));
  const customers = () => cube.customers
    .map(([id, name], place) => [id, name, place])
    .filter(([, , place]) => chosen.customer === "" || place === Number(chosen.customer))
    .map(([id, name, place]) => [id, name, left(all, place)])
    .filter(([, , cells]) => cells.length)
    .sort((one, other) => photosOf(other[2]) - photosOf(one[2]) || (one[0] < other[0] ? -1 : 1))
    .slice(0, TOP);
  const MADE = {
    "totals": () => [[photosOf(left(all, together())), sizeOf(left(all, together())), null, null]],
    "customers-by-type": () => customers().flatMap(([id, name, cells]) =>
      [...grouped(cells, (cell) => cell.type)].sort(byPhotos).map(([type, own]) => [id, name, type, photosOf(own)])),
    "photos-over-time": () => [...grouped(left(all, together()), (cell) => cell.time)]
      .sort((one, other) => one[0] - other[0]).map(([when, cells]) => [when, photosOf(cells)]),
    "types-over-time": () => stacked((cell) => cell.type),
    "sources-over-time": () => stacked((cell) => cell.source),
    "types": () => listed((cell) => cell.type).map(([name, cells]) => [name, photosOf(cells), sizeOf(cells)]),
    "sources": () => listed((cell) => cell.source).map(([name, cells]) => [name, photosOf(cells), sizeOf(cells)]),
    "top-customers": () => customers().slice(0, 10)
      .map(([id, name, cells]) => [id, name, photosOf(cells), sizeOf(cells)]),
  };
  const isFiltered = () => Boolean(chosen.customer || chosen.source || chosen.type);
  const rowsOf = (figure) => (isFiltered() && figure.filtered ? MADE[figure.name]() : figure.rows);
  const beforeOf = (figure) => {
    if (!figure.before) return null;
    const rows = isFiltered() && figure.filtered ? left(before, together()) : null;
    return rows ? [photosOf(rows), sizeOf(rows), null, null] : figure.before[0];
  };

  // ---- tables, as people read them and as CSV

  const shown = (figure) => figure.keys.map((column, place) => ({ ...column, column, place })).filter((one) => one.kind !== "id");
  const isPivot = (figure) => ["stacked", "table"].includes(figure.chart) && shown(figure).length > 1;
  const innermost = (figure, rows) => {
    const place = figure.keys.length - 1;
    const found = [...grouped(rows, (row) => row[place])];
    if (figure.keys[place].kind === "time") return found.map(([name]) => name).sort((one, other) => one - other);
    const total = (own) => sum(own, (row) => row[figure.keys.length]);
    return found.sort((one, other) => total(other[1]) - total(one[1])).map(([name]) => name);
  };
  const flatTable = (figure, rows) => ({
    labels: shown(figure).length,
    headings: [...shown(figure).map((one) => one.label), ...figure.values.map((one) => one.label)],
    rows: rows.map((row) => [
      ...shown(figure).map((one) => key(row[one.place], one.column, figure)),
      ...figure.values.map((one, place) => text(row[figure.keys.length + place], one.kind)),
    ]),
    bars: figure.chart === "bars" ? rows.map((row) => row[figure.keys.length]) : null,
  });
  const pivotTable = (figure, rows) => {
    const last = figure.keys.length - 1, outer = shown(figure).slice(0, -1), columns = innermost(figure, rows);
    const groups = [...grouped(rows, (row) => JSON.stringify(row.slice(0, last))).values()];
    const many = figure.values.length > 1;
    const total = !many && figure.chart === "table";
    return {
      labels: outer.length,
      headings: [...outer.map((one) => one.label), ...(total ? ["all"] : []), ...columns.flatMap((name) =>
        figure.values.map((one) => key(name, figure.keys[last], figure) + (many ? ` ${one.label}` : "")))],
      rows: groups.map((own) => [
        ...outer.map((one) => key(own[0][one.place], one.column, figure)),
        ...(total ? [text(sum(own, (row) => row[last + 1]), figure.values[0].kind)] : []),
        ...columns.flatMap((name) => figure.values.map((one, place) =>
          text(own.find((row) => row[last] === name)?.[last + 1 + place], one.kind))),
      ]),
      bars: null,
    };
  };
  const cell = (value, isLabel, scope) =>
    (isLabel ? html("th", { scope, class: "label" }, value) : html(scope === "col" ? "th" : "td", scope === "col" ? { scope } : {}, value));
  const table = (figure, rows) => {
    const made = isPivot(figure) ? pivotTable(figure, rows) : flatTable(figure, rows);
    const most = made.bars ? Math.max(...made.bars, 1) : 1;
    const bar = (place) => {
      const inside = html("span");
      inside.style.width = `${100 * (made.bars[place] || 0) / most}%`;
      return html("td", { class: "bar", "aria-hidden": "true" }, inside);
    };
    const line = (row, place) => html("tr", {}, ...row.map((value, at) => cell(value, at < made.labels, "row")),
      ...(made.bars ? [bar(place)] : []));
    const empty = made.bars ? [html("td", { "aria-hidden": "true" })] : [];
    return html("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Numbers: ${figure.title}` },
      html("table", {},
        html("thead", {}, html("tr", {}, ...made.headings.map((value, at) => cell(value, at < made.labels, "col")), ...empty)),
        html("tbody", {}, ...made.rows.map(line))));
  };
  const quoted = (value) => {
    // A spreadsheet takes a text that begins so for a formula.
    const said = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value ?? "");
    return /[",\r\n]/.test(said) ? `"${said.replaceAll('"', '""')}"` : said;
  };
  const csv = (figure, rows) => {
    const heads = [...figure.keys, ...figure.values].map((one) => one.label);
    const lines = rows.map((row) => row.map((value, place) =>
      (figure.keys[place]?.kind === "time" ? new Date(value).toISOString() : value)));
    return [heads, ...lines].map((line) => line.map(quoted).join(",")).join("\r\n") + "\r\n";
  };
  const download = (figure) => {
    const address = URL.createObjectURL(new Blob(["\ufeff", csv(figure, rowsOf(figure))], { type: "text/csv;charset=utf-8" }));
    const link = html("a", { href: address, download: `${figure.name}.csv` });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  };

  // ---- charts

  const steps = (most, unit) => {
    if (unit === "share") most = Math.max(most, 0.01);
    const whole = unit === "records";
    const rough = Math.max(most, whole ? 1 : 0) / 4 || 0.25;
    const power = 10 ** Math.floor(Math.log10(rough));
    let step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
    if (whole) step = Math.max(1, step);
    return Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_, place) => place * step);
  };
  const AXIS = { records: "number", bytes: "bytes", ms: "duration", share: "share" };
  const WIDTHS = { minute: 6e4, hour: 36e5, day: 864e5, month: 31 * 864e5 };
  const frame = (figure, wide, times, most) => {
    const ticks = steps(most, figure.unit), highest = ticks[ticks.length - 1] || 1;
    const first = times[0], last = times[times.length - 1] + WIDTHS[data.interval];
    const x = (when) => LEFT + (wide - LEFT - RIGHT) * (when - first) / (last - first);
    const y = (value) => HIGH - FOOT - (HIGH - FOOT - TOPMOST) * value / highest;
    const picture = svg("svg", { viewBox: `0 0 ${wide} ${HIGH}`, "aria-hidden": "true", focusable: "false" });
    for (const tick of ticks) {
      picture.append(svg("line", { class: "rule", x1: LEFT, x2: wide - RIGHT, y1: y(tick), y2: y(tick) }));
      const said = text(tick, AXIS[figure.unit]).replace(".0 ", " ").replace(" 0 s", "").replace(" 0 min", "").replace(" 0 h", "");
      picture.append(svg("text", { x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end" }, said));
    }
    const room = Math.max(1, Math.floor((wide - LEFT - RIGHT) / 120));
    const every = Math.ceil(times.length / room);
    times.forEach((when, place) => {
      if (place % every || x(when) > wide - RIGHT - 60) return;
      picture.append(svg("text", { x: x(when), y: HIGH - 6 }, time(when)));
    });
    return { picture, x, y };
  };
  const legend = (series) => html("ul", { class: "legend" }, ...series.map(({ name, colour, dash }) => {
    const mark = dash === undefined ? svg("rect", { width: 12, height: 10, x: 5, fill: colour })
      : svg("line", { x1: 0, x2: 22, y1: 5, y2: 5, stroke: colour, "stroke-width": 2.5, "stroke-dasharray": dash });
    return html("li", {}, svg("svg", { viewBox: "0 0 22 10", "aria-hidden": "true" }, mark), name);
  }));
  const bars = (figure, rows, wide) => {
    const isSplit = figure.keys.length > 1, value = figure.keys.length;
    const moments = grouped(rows, (row) => row[0]), times = [...moments.keys()].sort((one, other) => one - other);
    const names = isSplit ? innermost(figure, rows) : [null];
    const colour = (name, place) => colours[name] || PALETTE[place % PALETTE.length];
    const most = Math.max(...[...moments.values()].map((own) => sum(own, (row) => row[value])));
    const { picture, x, y } = frame(figure, wide, times, most);
    for (const when of times) {
      const own = moments.get(when), across = Math.max(1, (x(when + WIDTHS[data.interval]) - x(when)) * 0.85);
      const said = own.map((row) => `${isSplit ? `${row[1]}: ` : ""}${text(row[value], figure.values[0].kind)}`).join("\n");
      let base = 0;
      const group = svg("g", {}, svg("title", {}, `${time(when)}\n${said}`));
      names.forEach((name, place) => {
        const row = isSplit ? own.find((one) => one[1] === name) : own[0];
        if (!row) return;
        const top = y(base + row[value]);
        group.append(svg("rect", { x: x(when), y: top, width: across, height: Math.max(0, y(base) - top), fill: colour(name, place) }));
        base += row[value];
      });
      picture.append(group);
    }
    return [picture, ...(isSplit ? [legend(names.map((name, place) => ({ name, colour: colour(name, place) })))] : [])];
  };
  const lines = (figure, rows, wide) => {
    const times = rows.map((row) => row[0]);
    const most = Math.max(...rows.flatMap((row) => row.slice(1)).filter((value) => value !== null), 0);
    const { picture, x, y } = frame(figure, wide, times, most);
    figure.values.forEach((measure, place) => {
      const points = rows.filter((row) => row[place + 1] !== null);
      picture.append(svg("polyline", { points: points.map((row) => `${x(row[0]).toFixed(1)},${y(row[place + 1]).toFixed(1)}`).join(" "),
        fill: "none", stroke: PALETTE[place], "stroke-width": 2, "stroke-dasharray": DASHES[place % 3] }));
      for (const row of points) {
        picture.append(svg("circle", { cx: x(row[0]), cy: y(row[place + 1]), r: points.length > 60 ? 1.5 : 3, fill: PALETTE[place] },
          svg("title", {}, `${time(row[0])} ${measure.label}: ${text(row[place + 1], measure.kind)}`)));
      }
    });
    const series = figure.values.map((one, place) => ({ name: one.label, colour: PALETTE[place], dash: DASHES[place % 3] }));
    return [picture, ...(series.length > 1 ? [legend(series)] : [])];
  };
  const DRAWN = { stacked: bars, columns: bars, lines };

  // ---- cards

  const change = (now, then, kind) => {
    if (then === null || then === undefined) return "";
    if (!then) return `none${PREVIOUS}`;
    const said = `${text(then, kind)}${PREVIOUS}`;
    const by = 100 * (now - then) / then;
    return `${by < 0 ? "−" : "+"}${Math.abs(by).toFixed(Math.abs(by) < 10 ? 1 : 0)} %, ${said}`;
  };
  const tiles = (figure, rows) => {
    const earlier = beforeOf(figure), counted = figure.keys.length;
    const found = counted ? rows.map((row) => [row[0], row[1], figure.values[0].kind, null])
      : figure.values.map((one, place) => [one.label, rows[0][place], one.kind, earlier ? earlier[place] : null]);
    return html("dl", { class: "numbers" }, ...found.filter(([, value]) => value !== null || counted).map(([name, value, kind, then]) =>
      html("div", {}, html("dt", {}, name),
        html("dd", {}, text(value, kind)), ...(then === null ? [] : [html("dd", { class: "change" }, change(value, then, kind))]))));
  };
  const WIDE = ["numbers", "stacked", "table"];
  const draw = (figure) => {
    const rows = rowsOf(figure), card = document.getElementById(`card-${figure.name}`);
    card.classList.toggle("unfiltered", isFiltered() && !figure.filtered);
    const body = card.querySelector(".body"), parts = [];
    if (!rows.length) parts.push(html("p", {}, "None."));
    else if (figure.chart === "numbers") parts.push(tiles(figure, rows));
    else if (DRAWN[figure.chart]) {
      const said = `Chart: ${figure.title}; its numbers are in the table below`;
      const wide = paper ? (WIDE.includes(figure.chart) ? 660 : 320) : Math.max(300, Math.round(body.clientWidth || 600));
      parts.push(html("div", { class: "chart", role: "img", "aria-label": said }, ...DRAWN[figure.chart](figure, rows, wide)));
    } else parts.push(table(figure, rows));
    body.replaceChildren(...parts);
    const numbers = card.querySelector(".more");
    if (numbers) {
      numbers.hidden = !rows.length;
      numbers.replaceChildren(html("summary", {}, "Numbers"), table(figure, rows));
    }
    card.classList.toggle("long", figure.chart === "table" && rows.length > 60);
  };
  const card = (figure) => {
    const approximate = figure.exact ? "" : " Approximate: there are more values than were compared.";
    const button = html("button", { type: "button", class: "csv", "aria-label": `CSV of ${figure.title}` }, "CSV");
    button.addEventListener("click", () => download(figure));
    return html("section", { class: `card${WIDE.includes(figure.chart) ? " wide" : ""}`, id: `card-${figure.name}`, "aria-labelledby": `figure-${figure.name}` },
      html("div", { class: "head" }, html("h3", { id: `figure-${figure.name}` }, figure.title), button),
      html("p", { class: "about note" }, figure.about + approximate),
      html("div", { class: "body" }),
      ...(DRAWN[figure.chart] ? [html("details", { class: "more" })] : []),
      html("details", {}, html("summary", {}, "SQL"),
        html("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `SQL: ${figure.title}` }, html("pre", {}, figure.sql))));
  };

  // ---- filters

  const offer = (name, values) => {
    const list = document.getElementById(`filter-${name}`);
    list.append(html("option", { value: "" }, "all"), ...values.map(([value, said]) => html("option", { value }, said)));
    return list;
  };
  const lists = {
    customer: offer("customer", cube.customers.map(([, name], place) => [String(place), name])),
    source: offer("source", cube.sources.map((name) => [name, name])),
    type: offer("type", cube.types.map((name) => [name, name])),
  };
  const LARGEST = cube.customers.length;
  const redraw = () => {
    for (const figure of data.figures) draw(figure);
    const kept = `Customers: the ${LARGEST} largest of the period.`;
    document.getElementById("filtered").value = isFiltered()
      ? `Filtered: ${Object.entries(lists).filter(([name]) => chosen[name]).map(([, list]) => list.selectedOptions[0].textContent).join(", ")}. ${kept}`
      : "";
  };
  const form = document.getElementById("filters");
  form.addEventListener("change", () => {
    chosen = Object.fromEntries(Object.entries(lists).map(([name, list]) => [name, list.value]));
    redraw();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => { chosen = NONE; setTimeout(redraw); });
  for (const figure of data.figures) {
    document.querySelector(`[data-part="${figure.part}"]`).append(card(figure));
  }
  redraw();
  addEventListener("beforeprint", () => { paper = true; redraw(); });
  addEventListener("afterprint", () => { paper = false; redraw(); });
  let waiting = 0;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(redraw, 150); });
})();
