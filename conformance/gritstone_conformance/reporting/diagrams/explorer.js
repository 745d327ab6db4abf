"use strict";
// Draws the visible part of a diagram into one SVG: points with their arrows when they are far enough apart, else bars
// that count the points of some pixels. The highlighted points are drawn at every scale.
(() => {
  const NS = "http://www.w3.org/2000/svg";
  const LABEL = 104, LANE = 54, TOP = 24, RADIUS = 12, BIN = 4;
  const NEAREST = 46, DETAIL = 18, FARTHEST = 0.01, MOST_ARROWS = 2000;
  const STYLES = ["step", "illegal", "cause", "after"];
  const data = JSON.parse(document.getElementById("diagram-data").textContent);
  const stage = document.getElementById("stage");
  const form = document.getElementById("controls");
  const reading = document.getElementById("reading");
  const { lanes, points, arrows, kinds, cuts } = data;
  const width = points.reduce((most, point) => Math.max(most, point[1] + 1), 1);

  const byLane = lanes.map(() => []);
  points.forEach((point, number) => byLane[point[0]].push(number));
  const into = points.map(() => []), outOf = points.map(() => []);
  arrows.forEach(([start, end], number) => {
    if (end >= 0) into[end].push(number);
    if (start >= 0) outOf[start].push(number);
  });
  const highlighted = points.flatMap((point, number) => (point[4] === 1 || point[4] === 2 ? [number] : []));
  const places = points.map(() => 0);
  for (const mine of byLane) mine.forEach((number, place) => { places[number] = place; });

  const state = { x: 0, y: 0, unit: NEAREST, selected: -1, goal: 0 }; // goal: the column that moves across lanes keep
  let shown = lanes.map((_, lane) => lane); // the lanes that pass the filter, from above
  let rows = shown.slice(); // lane to its row, or -1
  let svg, size = { width: 0, height: 0 }, isWaiting = false;

  // Numbers of columns and rows that fit
  const columnsShown = () => Math.max(1, (size.width - LABEL) / state.unit);
  const rowsShown = () => Math.max(1, Math.floor((size.height - TOP) / LANE));
  const xOf = (column) => LABEL + (column - state.x + 0.5) * state.unit;
  const yOf = (lane) => TOP + 16 + (rows[lane] - state.y) * LANE;
  const radius = () => Math.max(2, Math.min(RADIUS, state.unit / 2 - 3));

  const make = (tag, attributes, ...children) => {
    const node = document.createElementNS(NS, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  };
  const hint = (words) => make("title", {}, words);

  // The first place of a lane whose column is not before a column
  const placeAt = (lane, column) => {
    let low = 0, high = byLane[lane].length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (points[byLane[lane][middle]][1] < column) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const visible = (lane) => byLane[lane].slice(placeAt(lane, state.x - 1), placeAt(lane, state.x + columnsShown() + 1));

  const messageWords = (number) => {
    const [start, end, kind, receiver] = arrows[number];
    const words = kinds[kind] || "a message";
    if (start < 0) return `${words} that no step sent`;
    if (end < 0) return `${words}, not read by ${lanes[receiver]?.[0] ?? "its receiver"}`;
    return words;
  };
  const describe = (number) => {
    const parts = [points[number][3]];
    const read = into[number].map((each) => {
      const start = arrows[each][0];
      return start < 0 ? messageWords(each) : `${messageWords(each)} from ${points[start][3]}`;
    });
    const sent = outOf[number].map((each) => {
      const end = arrows[each][1];
      return end < 0 ? messageWords(each) : `${messageWords(each)} to ${points[end][3]}`;
    });
    if (read.length) parts.push(`reads ${read.join(", ")}`);
    if (sent.length) parts.push(`sends ${sent.join(", ")}`);
    const role = { 1: "This step is illegal.", 2: "This step is part of the cause." }[points[number][4]];
    return `${parts.join("; ")}.${role ? ` ${role}` : ""}`;
  };

  const drawPoint = (number) => {
    const [lane, column, label, name, style] = points[number];
    const [x, y, r] = [xOf(column), yOf(lane), radius()];
    const group = make("g", { class: STYLES[style], "data-point": number }, hint(name));
    if (style === 1 || style === 2) group.append(make("circle", { class: "ring", cx: x, cy: y, r: r + 5 }));
    if (number === state.selected) group.append(make("circle", { class: "selected", cx: x, cy: y, r: r + 9 }));
    group.append(make("circle", { cx: x, cy: y, r }));
    if (state.unit >= 30) group.append(make("text", { x, y: y + 4 }, label));
    return group;
  };
  const drawArrow = (number) => {
    const [start, end, , receiver, style] = arrows[number];
    const r = radius();
    const group = make("g", { class: style === 2 ? "into" : "message", "data-arrow": number }, hint(messageWords(number)));
    if (start >= 0 && end >= 0) {
      const [x1, y1, x2, y2] = [xOf(points[start][1]), yOf(points[start][0]), xOf(points[end][1]), yOf(points[end][0])];
      const down = y2 > y1 || y1 === y2 ? 1 : -1;
      const bend = y1 === y2 ? -40 : down * Math.max(14, Math.abs(y2 - y1) / 2 - r);
      const top = y1 === y2 ? y1 - r : y1 + down * r;
      const bottom = y2 - down * (r + 5);
      const last = y1 === y2 ? bottom + bend + 20 : bottom - bend;
      group.append(make("path", { class: "mail", d: `M${x1} ${top} C${x1} ${top + bend} ${x2} ${last} ${x2} ${bottom}` }));
      group.append(make("path", { class: "tip", d: `M${x2} ${y2 - down * r} l-4 ${-7 * down} h8 z` }));
    } else if (end >= 0) {
      const [x, y] = [xOf(points[end][1]), yOf(points[end][0])];
      group.setAttribute("class", "unsent");
      group.append(make("path", { class: "mail", d: `M${x - 25} ${y - 29} L${x - 11} ${y - 14}` }));
      group.append(make("text", { class: "kind", x: x - 34, y: y - 30 }, "?"));
    } else {
      const [x, y] = [xOf(points[start][1]), yOf(points[start][0])];
      const down = rows[receiver] > rows[points[start][0]] ? 1 : -1;
      group.setAttribute("class", "unread");
      group.append(make("path", { class: "mail", d: `M${x} ${y + down * r} L${x + 10} ${y + down * 22}` }));
      group.append(make("circle", { cx: x + 11, cy: y + down * 26, r: 3 }));
    }
    return group;
  };
  const isDrawn = (number) => {
    const [start, end] = arrows[number];
    return (start < 0 || rows[points[start][0]] >= 0) && (end < 0 || rows[points[end][0]] >= 0);
  };
  const drawBars = (lane, y) => {
    const counts = new Map();
    for (const number of visible(lane)) {
      const bin = Math.floor(xOf(points[number][1]) / BIN);
      if (bin * BIN >= LABEL) counts.set(bin, (counts.get(bin) ?? 0) + 1);
    }
    const bars = [...counts].map(([bin, count]) => {
      const height = Math.min(18, 4 + 2 * count);
      return `M${bin * BIN} ${y - height}v${2 * height}`;
    });
    return make("path", { class: "bars", d: bars.join("") });
  };

  const draw = () => {
    isWaiting = false;
    size = { width: svg.clientWidth, height: svg.clientHeight };
    const isDetailed = state.unit >= DETAIL;
    const first = Math.floor(state.y), lower = shown.slice(first, first + rowsShown() + 1);
    const marks = make("g", { class: "marks" }), between = make("g", { class: "arrows" }), gutter = make("g", {});
    const named = new Set();
    for (const lane of lower) {
      const y = yOf(lane), mine = byLane[lane];
      if (mine.length) {
        const ends = [mine[0], mine[mine.length - 1]].map((number) => xOf(points[number][1]));
        const [x1, x2] = ends.map((x) => Math.min(size.width, Math.max(LABEL, x)));
        between.append(make("line", { class: "chain", x1, x2, y1: y, y2: y }));
      }
      if (!isDetailed) marks.append(drawBars(lane, y));
      for (const number of isDetailed ? visible(lane) : []) {
        marks.append(drawPoint(number));
        for (const arrow of [...into[number], ...outOf[number]]) if (named.size < MOST_ARROWS) named.add(arrow);
      }
      gutter.append(make("text", { class: "lane", x: 4, y: y - 1 }, lanes[lane][0]));
      gutter.append(make("text", { class: "quiet", x: 4, y: y + 13 }, lanes[lane][1]));
    }
    if (!isDetailed) {
      const special = new Set(state.selected < 0 ? highlighted : [...highlighted, state.selected]);
      for (const number of [...special].filter((each) => rows[points[each][0]] >= 0)) {
        marks.append(drawPoint(number));
        for (const arrow of into[number]) if (arrows[arrow][4] === 2 || number === state.selected) named.add(arrow);
      }
    }
    for (const arrow of named) if (isDrawn(arrow)) between.append(drawArrow(arrow));
    const lines = cuts.map(([column, label]) => {
      const x = xOf(column) - state.unit / 2;
      return make("g", { class: "cut" }, make("path", { d: `M${x} 14V${size.height}` }), make("text", { x: x + 4, y: 11 }, label));
    });
    const ground = make("rect", { class: "gutter", x: 0, y: 0, width: LABEL - 20, height: size.height });
    const kept = [...svg.querySelectorAll(":scope > title, :scope > desc")];
    svg.replaceChildren(...kept, ...lines, between, marks, ground, gutter);
    const range = `columns ${Math.max(0, Math.floor(state.x)) + 1} to ${Math.min(width, Math.ceil(state.x + columnsShown()))} of ${width}`;
    form.elements.range.value = `${range}, ${shown.length} of ${lanes.length} actors`;
  };
  const redraw = () => {
    state.unit = Math.min(NEAREST, Math.max(FARTHEST, state.unit));
    state.x = Math.min(Math.max(state.x, -1), Math.max(-1, width - columnsShown() + 1));
    state.y = Math.min(Math.max(state.y, 0), Math.max(0, shown.length - rowsShown()));
    if (!isWaiting) requestAnimationFrame(draw);
    isWaiting = true;
  };
  const zoom = (factor, at = LABEL + (size.width - LABEL) / 2) => {
    const column = state.x + (at - LABEL) / state.unit;
    state.unit = Math.min(NEAREST, Math.max(FARTHEST, state.unit * factor));
    state.x = column - (at - LABEL) / state.unit;
    redraw();
  };
  const fit = () => {
    state.unit = Math.min(NEAREST, (size.width - LABEL) / (width + 1));
    state.x = -1;
    state.y = 0;
    redraw();
  };
  const select = (number, isCentred = false) => {
    if (number === undefined || number < 0) return;
    const [lane, column] = points[number];
    if (rows[lane] < 0) {
      form.elements.actors.value = "";
      filter();
    }
    state.selected = number;
    state.goal = column;
    if (isCentred && state.unit < DETAIL) state.unit = NEAREST;
    const columns = columnsShown();
    if (isCentred || column < state.x + 1 || column > state.x + columns - 1) state.x = column - columns / 2;
    if (isCentred || rows[lane] < state.y || rows[lane] >= state.y + rowsShown()) state.y = rows[lane] - Math.floor(rowsShown() / 2);
    reading.value = describe(number);
    redraw();
  };
  const nearest = (lane, column) => {
    const mine = byLane[lane];
    const place = placeAt(lane, column);
    const choices = [mine[place - 1], mine[place]].filter((number) => number !== undefined);
    return choices.sort((one, other) => Math.abs(points[one][1] - column) - Math.abs(points[other][1] - column))[0];
  };
  const start = () => (state.selected >= 0 ? state.selected : highlighted[0] ?? nearest(shown[0], state.x + columnsShown() / 2));
  const along = (by) => {
    if (state.selected < 0) return select(start());
    select(byLane[points[state.selected][0]][places[state.selected] + by]);
  };
  const across = (by) => {
    if (state.selected < 0) return select(start());
    const goal = state.goal;
    for (let row = rows[points[state.selected][0]] + by; row >= 0 && row < shown.length; row += by) {
      const found = nearest(shown[row], goal);
      if (found === undefined) continue;
      select(found);
      state.goal = goal;
      return;
    }
  };

  const filter = () => {
    const words = form.elements.actors.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (lane) => words.some((word) => word.startsWith(lanes[lane][0]) || lanes[lane][0].includes(word));
    const chosen = new Set(lanes.flatMap((_, lane) => (!words.length || fits(lane) ? [lane] : [])));
    if (words.length && form.elements.partners.checked) {
      const partners = arrows.flatMap(([from, to, , receiver]) => {
        const ends = [from < 0 ? -1 : points[from][0], to < 0 ? receiver : points[to][0]];
        return ends.some((lane) => chosen.has(lane)) ? ends : [];
      });
      for (const lane of partners) if (lane >= 0) chosen.add(lane);
    }
    shown = [...chosen].sort((one, other) => one - other);
    rows = lanes.map(() => -1);
    shown.forEach((lane, row) => { rows[lane] = row; });
    redraw();
  };

  const actions = {
    "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5), "0": fit, f: () => select(highlighted.find((each) => points[each][4] === 1), true),
    ArrowRight: () => along(1), ArrowLeft: () => along(-1), ArrowDown: () => across(1), ArrowUp: () => across(-1),
    PageDown: () => { state.x += columnsShown() / 2; redraw(); }, PageUp: () => { state.x -= columnsShown() / 2; redraw(); },
    Home: () => select(byLane[points[start()]?.[0]]?.[0]), End: () => select(byLane[points[start()]?.[0]]?.at(-1)),
  };

  svg = make("svg", {
    id: "explorer", role: "application", tabindex: 0, "aria-label": stage.dataset.title,
    "aria-describedby": "keys", class: "explorer",
  }, hint(stage.dataset.title), make("desc", {}, stage.dataset.words));
  svg.querySelector("title").remove(); // the label names it; a title would be a tooltip over everything
  const rowsWanted = Math.min(10, Math.max(3, lanes.length));
  svg.setAttribute("height", TOP + LANE * rowsWanted + 12);
  stage.replaceChildren(svg);
  form.hidden = false;
  for (const node of document.querySelectorAll("[data-scripted]")) node.hidden = false;

  let grabbed = null;
  svg.addEventListener("pointerdown", (event) => {
    grabbed = { x: event.clientX, y: event.clientY, fromX: state.x, fromY: state.y, isMoved: false };
  });
  svg.addEventListener("pointermove", (event) => {
    if (!grabbed || !(event.buttons & 1)) return;
    const [dx, dy] = [event.clientX - grabbed.x, event.clientY - grabbed.y];
    grabbed.isMoved ||= Math.abs(dx) + Math.abs(dy) > 4;
    state.x = grabbed.fromX - dx / state.unit;
    state.y = grabbed.fromY - dy / LANE;
    redraw();
  });
  svg.addEventListener("click", (event) => {
    const point = event.target.closest?.("[data-point]");
    if (!grabbed?.isMoved && point) select(Number(point.dataset.point));
    grabbed = null;
  });
  svg.addEventListener("wheel", (event) => {
    if (event.ctrlKey) zoom(event.deltaY < 0 ? 1.25 : 0.8, event.offsetX);
    else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      state.x += (event.deltaX || event.deltaY) / state.unit;
      redraw();
    } else return;
    event.preventDefault();
  }, { passive: false });
  svg.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const action = actions[event.key];
    if (action) {
      event.preventDefault();
      action();
    }
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", filter);
  form.addEventListener("reset", () => setTimeout(filter));
  for (const button of form.querySelectorAll("button[data-key]")) {
    button.addEventListener("click", () => actions[button.dataset.key]());
  }
  for (const link of document.querySelectorAll("a[data-point]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      select(Number(link.dataset.point), true);
      svg.scrollIntoView({ block: "nearest" });
    });
  }
  new ResizeObserver(redraw).observe(svg);
  size = { width: svg.clientWidth, height: svg.clientHeight };
  if (highlighted.length) select(highlighted.find((each) => points[each][4] === 1) ?? highlighted[0], true);
  else redraw();
})();
