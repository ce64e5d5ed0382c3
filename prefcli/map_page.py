"""The map of a space as one HTML page: zoom, search, point at a user; no network, no library.

Positions and names travel as JSON inside the page, and its script puts names on the screen as text,
never as markup, so that a user's name can be anything. Light or dark is what the reader's system
says.
"""

from __future__ import annotations

import json
from html import escape
from typing import Any

import numpy as np

from prefcli.map_plot import GROUPS, ON_DARK, headline, thinned, window_of
from prefcli.services.user_map import UserMap

CELLS = 220  # of the grid that thins users: a reader may zoom in


def page(found: UserMap) -> str:
    """The whole page."""
    at = np.array([user.at for user in found.users])
    shown = [found.users[i] for i in thinned(at, CELLS)]
    data: dict[str, Any] = {
        "window": window_of(found),
        "users": [
            {
                "n": user.name,
                "v": user.version,
                "x": round(user.at[0], 3),
                "y": round(user.at[1], 3),
                "g": user.group,
                "t": [[round(x, 3), round(y, 3)] for x, y in user.trail],
                "k": [[name, round(far, 2)] for name, far in user.near],
            }
            for user in shown
        ],
        "liked": np.round(found.liked[thinned(found.liked)], 3).tolist(),
        "others": np.round(found.others[thinned(found.others)], 3).tolist(),
    }
    left_out = len(found.users) - len(shown)
    note = f" · {left_out} of them lie behind others" if left_out else ""
    words = {
        "TITLE": escape(headline(found) + note),
        "LEFT": _end("← ", found.axes[0].low),
        "RIGHT": _end("", found.axes[0].high, " →"),
        "BOTTOM": _end("↓ ", found.axes[1].low),
        "TOP": _end("↑ ", found.axes[1].high),
        "LIGHT": ";".join(f"--g{i}:{colour}" for i, colour in enumerate(GROUPS)),
        "DARK": ";".join(f"--g{i}:{colour}" for i, colour in enumerate(ON_DARK)),
        # No text of the data may end the script.
        "DATA": json.dumps(data, allow_nan=False).replace("<", "\\u003c"),
    }
    text = _PAGE
    for name, value in words.items():
        text = text.replace(f"@{name}@", value)
    return text


def _end(before: str, words: str, after: str = "") -> str:
    return escape(f"{before}{words}{after}") if words else ""


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>@TITLE@</title>
<style>
:root { color-scheme: light dark; --paper: #fff; --ink: #222; --line: #d8d8d8; --liked: #8fb8a0;
  --not: #cfcfcf; @LIGHT@ }
@media (prefers-color-scheme: dark) { :root { --paper: #16181d; --ink: #e6e6e6; --line: #3a3f48;
  --liked: #3f6b55; --not: #454b55; @DARK@ } }
* { box-sizing: border-box }
body { margin: 0; height: 100vh; display: flex; flex-direction: column; background: var(--paper);
  color: var(--ink); font: 14px/1.4 system-ui, sans-serif }
header { display: flex; flex-wrap: wrap; gap: 4px 16px; align-items: center; padding: 8px 12px }
h1 { font-size: 16px; margin: 0; flex: 1 1 auto }
input, button { font: inherit; color: inherit; background: transparent; padding: 2px 8px;
  border: 1px solid var(--line); border-radius: 4px }
main { position: relative; flex: 1 1 auto; min-height: 0 }
canvas { position: absolute; inset: 0; width: 100%; height: 100%; cursor: grab; touch-action: none }
.end { position: absolute; max-width: 38%; padding: 2px 6px; font-size: 12.5px;
  pointer-events: none; background: var(--paper); opacity: .88; border-radius: 4px }
#tip { position: absolute; display: none; max-width: 320px; padding: 6px 10px; border-radius: 6px;
  pointer-events: none; background: var(--paper); border: 1px solid var(--line);
  box-shadow: 0 2px 8px #0004; white-space: pre-line; overflow-wrap: anywhere }
footer { padding: 4px 12px 8px; font-size: 12px; opacity: .8 }
</style>
</head>
<body>
<header><h1>@TITLE@</h1>
<input id="find" type="search" placeholder="find a user" aria-label="find a user">
<button id="whole">show all</button></header>
<main><canvas id="map" role="img" aria-label="map of users"></canvas>
<div class="end" style="left:4px;top:calc(50% + 4px)">@LEFT@</div>
<div class="end" style="right:4px;top:calc(50% + 4px);text-align:right">@RIGHT@</div>
<div class="end" style="left:50%;bottom:4px">@BOTTOM@</div>
<div class="end" style="left:50%;top:4px">@TOP@</div>
<div id="tip"></div></main>
<footer>Coloured: users, by group; their older versions lead there. Faint: judged answers, green
those that were judged good or better. +: the plain base. Drag to move, turn the wheel to zoom.
</footer>
<script type="application/json" id="data">@DATA@</script>
<script>
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const canvas = document.getElementById("map"), pen = canvas.getContext("2d");
const tip = document.getElementById("tip"), find = document.getElementById("find");
const turns = new Map();
const order = data.users.map((user, i) => {
  const turn = turns.get(user.g) || 0;
  turns.set(user.g, turn + 1);
  return [turn, user.g, i];
}).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(each => each[2]);
let view, width, height, pointed = -1, drag = null;
const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
function whole() {
  const [left, right, bottom, top] = data.window;
  view = {x: (left + right) / 2, y: (bottom + top) / 2,
    zoom: Math.min(width / (right - left), height / (top - bottom))};
}
const px = x => width / 2 + (x - view.x) * view.zoom;
const py = y => height / 2 - (y - view.y) * view.zoom;
function dot(x, y, radius) { pen.beginPath(); pen.arc(px(x), py(y), radius, 0, 7); pen.fill(); }
function draw() {
  const wanted = find.value.trim().toLowerCase();
  const hit = user => !wanted || user.n.toLowerCase().includes(wanted);
  pen.clearRect(0, 0, width, height);
  pen.strokeStyle = colour("--line"); pen.lineWidth = 1;
  pen.beginPath(); pen.moveTo(0, py(0)); pen.lineTo(width, py(0));
  pen.moveTo(px(0), 0); pen.lineTo(px(0), height); pen.stroke();
  for (const [points, name] of [[data.others, "--not"], [data.liked, "--liked"]]) {
    pen.fillStyle = colour(name);
    for (const [x, y] of points) dot(x, y, 2);
  }
  const radius = data.users.length > 400 ? 3 : 6;
  const groups = [0, 1, 2, 3, 4, 5].map(each => colour("--g" + each));
  data.users.forEach((user, i) => {
    pen.globalAlpha = hit(user) ? 1 : 0.15;
    pen.fillStyle = pen.strokeStyle = groups[user.g % 6];
    if (user.t.length) {
      pen.beginPath();
      [...user.t, [user.x, user.y]].forEach(([x, y]) => pen.lineTo(px(x), py(y)));
      pen.stroke();
      for (const [x, y] of user.t) dot(x, y, 3);
    }
    dot(user.x, user.y, i === pointed ? radius + 2 : radius);
  });
  pen.globalAlpha = 1;
  pen.strokeStyle = pen.fillStyle = colour("--ink");
  pen.beginPath(); pen.moveTo(px(0) - 6, py(0)); pen.lineTo(px(0) + 6, py(0));
  pen.moveTo(px(0), py(0) - 6); pen.lineTo(px(0), py(0) + 6); pen.stroke();
  label(hit, radius);
}
function label(hit, radius) {
  const cells = new Map(), size = 40, high = 16, boxes = [];
  const inside = (x, y) => x > 0 && y > 0 && x < width && y < height;
  for (const user of data.users) {
    const x = px(user.x), y = py(user.y);
    if (!inside(x, y)) continue;
    const key = Math.floor(x / size) + ":" + Math.floor(y / size);
    if (!cells.has(key)) cells.set(key, []);
    cells.get(key).push([x, y]);
  }
  const covers = b => {
    for (let i = Math.floor((b[0] - radius) / size); i <= (b[2] + radius) / size; i++)
      for (let j = Math.floor((b[1] - radius) / size); j <= (b[3] + radius) / size; j++)
        for (const [x, y] of cells.get(i + ":" + j) || [])
          if (x > b[0] - radius && x < b[2] + radius && y > b[1] - radius && y < b[3] + radius)
            return true;
    return boxes.some(o => b[0] < o[2] && o[0] < b[2] && b[1] < o[3] && o[1] < b[3]);
  };
  const main = canvas.getBoundingClientRect();
  for (const end of document.querySelectorAll(".end")) {
    const r = end.getBoundingClientRect();
    if (end.textContent)
      boxes.push([r.left - main.left, r.top - main.top, r.right - main.left, r.bottom - main.top]);
  }
  pen.font = "13px system-ui, sans-serif"; pen.textBaseline = "middle";
  let left = 120, tried = 0;
  for (const i of order) {
    const user = data.users[i], x = px(user.x), y = py(user.y);
    if (!hit(user) || !inside(x, y)) continue;
    if (!left || tried++ > 1500) break;
    const name = user.n.length > 24 ? user.n.slice(0, 23) + "…" : user.n;
    const wide = pen.measureText(name).width + 4, away = radius + 3;
    const places = [[x + away, y - high / 2], [x - away - wide, y - high / 2],
      [x - wide / 2, y - away - high], [x - wide / 2, y + away]];
    for (const [bx, by] of places) {
      const box = [bx, by, bx + wide, by + high];
      if (bx < 0 || by < 0 || box[2] > width || box[3] > height || covers(box)) continue;
      boxes.push(box); left--;
      pen.fillText(name, bx + 2, by + high / 2 + 1);
      break;
    }
  }
}
function resize() {
  const box = canvas.getBoundingClientRect(), dense = window.devicePixelRatio || 1;
  const first = !view;
  width = box.width; height = box.height;
  canvas.width = Math.round(width * dense); canvas.height = Math.round(height * dense);
  pen.setTransform(dense, 0, 0, dense, 0, 0);
  if (first) whole();
  draw();
}
function point(event) {
  const box = canvas.getBoundingClientRect();
  const x = event.clientX - box.left, y = event.clientY - box.top;
  let best = 14 * 14, found = -1;
  data.users.forEach((user, i) => {
    const far = (px(user.x) - x) ** 2 + (py(user.y) - y) ** 2;
    if (far < best) { best = far; found = i; }
  });
  if (found !== pointed) { pointed = found; draw(); }
  tip.style.display = found < 0 ? "none" : "block";
  if (found < 0) return;
  const user = data.users[found];
  const near = user.k.map(([name, far]) => name + "  " + far.toFixed(2)).join("\\n");
  tip.textContent = user.n + "@" + user.v + (near ? "\\nnearest:\\n" + near : "");
  tip.style.left = Math.min(x + 14, width - tip.offsetWidth - 4) + "px";
  tip.style.top = Math.min(y + 14, height - tip.offsetHeight - 4) + "px";
}
canvas.addEventListener("pointerdown", event => {
  drag = [event.clientX, event.clientY]; canvas.setPointerCapture(event.pointerId);
});
canvas.addEventListener("pointerup", () => { drag = null; });
canvas.addEventListener("pointermove", event => {
  if (!drag) { point(event); return; }
  view.x -= (event.clientX - drag[0]) / view.zoom;
  view.y += (event.clientY - drag[1]) / view.zoom;
  drag = [event.clientX, event.clientY];
  draw();
});
canvas.addEventListener("wheel", event => {
  event.preventDefault();
  const box = canvas.getBoundingClientRect();
  const x = event.clientX - box.left - width / 2, y = event.clientY - box.top - height / 2;
  const factor = Math.exp(-event.deltaY / 400);
  view.x += x / view.zoom * (1 - 1 / factor);
  view.y -= y / view.zoom * (1 - 1 / factor);
  view.zoom *= factor;
  draw();
}, {passive: false});
find.addEventListener("input", draw);
document.getElementById("whole").addEventListener("click", () => { whole(); draw(); });
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
window.addEventListener("resize", resize);
resize();
</script>
</body>
</html>
"""
