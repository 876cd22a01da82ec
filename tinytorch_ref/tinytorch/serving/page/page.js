// The monitoring page: asks /status once a second and shows it. Everything is text or an SVG built here; whatever comes
// from the service is put in as text, never as markup.
"use strict";

const EVERY = 1000; // ms
const SHOWN = 10; // rows of the table of seconds
const PLOT = { left: 62, right: 632, top: 18, bottom: 172 };
const at = (id) => document.getElementById(id);
let status = null;

// ---- words ---------------------------------------------------------------------------------------------------------

const known = (value) => value !== null && value !== undefined;
const ms = (seconds) => (known(seconds) ? milliseconds(seconds * 1000) : "–");
const milliseconds = (value) => (known(value) ? `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms` : "–");
const percent = (share, digits = 1) => (known(share) ? `${(share * 100).toFixed(digits)} %` : "–");
const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString();

function bytes(count) {
  if (!known(count)) return "–";
  return count < 1e6 ? `${(count / 1e3).toFixed(1)}\u00a0kB` : `${(count / 1e6).toFixed(2)}\u00a0MB`;
}

function say(id, text) {
  const element = at(id);
  if (element.textContent !== text) element.textContent = text; // a live region speaks only when something changed
}

function make(tag, text = "", className = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

// ---- what is shown -------------------------------------------------------------------------------------------------

function show(now) {
  status = now;
  document.title = `${now.alerts.length ? `(${now.alerts.length}) ` : ""}${now.name}: version ${now.version}`;
  say("name", now.name);
  say("version", `version ${now.version}`);
  at("state").className = `dot ${now.state}`;
  say("state", now.state);
  say("since", `since ${clock(now.since)}`);
  showAlerts(now);
  showFigures(now);
  chart("latency", now.seconds, ["p50", "p99"], "ms", ["median", "slowest 1 %"]);
  chart("load", now.seconds, ["answered", "shed"], "", ["answered a second", "refused a second"]);
  showSeconds(now.seconds);
  showDrift(now.drift);
  showVersions(now);
}

function showAlerts(now) {
  const lines = [...now.alerts.map((a) => `${a.text} (since ${clock(a.since)})`), ...now.notes];
  if (now.unreadable) lines.push(`the registry cannot be read: ${now.unreadable}`);
  const list = at("alerts");
  const text = lines.join("\n") || "None.";
  if (list.dataset.text === text) return;
  list.dataset.text = text;
  list.replaceChildren(...(lines.length ? lines.map((line) => make("li", line)) : [make("li", "None.", "quiet")]));
}

function showFigures(now) {
  const last = now.seconds.slice(-5);
  const sum = (name) => last.reduce((total, second) => total + second[name], 0);
  say("rate", last.length ? (sum("answered") / last.length).toFixed(1) : "–");
  say("p50", ms(now.traffic.latency_p50));
  say("p99", ms(now.traffic.latency_p99));
  say("shed", last.length ? `${(sum("shed") / last.length).toFixed(1)} /s` : "–");
  say("failed", percent(now.traffic.error_rate));
  say("waiting", `${now.queue.waiting} / ${now.queue.bound}`);
  say("accuracy", percent(now.labels.accuracy));
  const labelled = now.labels.count ? `, accuracy over ${now.labels.count} labelled answers` : "";
  say("window", `Rates over 5 seconds, latency and failures over ${now.limits.traffic_window} seconds${labelled}.`);
}

function showSeconds(seconds) {
  const rows = seconds.slice(-SHOWN).reverse().map((second, i) => {
    const row = document.createElement("tr");
    const cells = [i + 1, second.answered, second.shed, second.failed, milliseconds(second.p50), milliseconds(second.p99)];
    row.append(...cells.map((cell) => make("td", String(cell))));
    return row;
  });
  at("seconds").tBodies[0].replaceChildren(...rows);
}

function showDrift(drift) {
  const features = Object.entries(drift.features);
  at("drift").hidden = features.length === 0;
  const next = `${drift.gathered} of ${drift.window} inputs for the next check`;
  let verdict = `No window is full yet: ${next}.`;
  if (!drift.watched) verdict = "This version came without a reference, so drift is not watched.";
  else if (drift.checks) {
    verdict = drift.drifted ? "Inputs are not as in training" : "Inputs are as in training";
    verdict += ` (check ${drift.checks}; ${next}).`;
  }
  say("drift-state", verdict);
  at("drift").tBodies[0].replaceChildren(...features.map(([name, found]) => {
    const row = document.createElement("tr");
    const head = make("th", name);
    head.scope = "row";
    const distance = make("td");
    const meter = document.createElement("meter");
    meter.max = 1;
    meter.value = found.statistic;
    meter.setAttribute("aria-hidden", "true");
    if (found.drifted) meter.className = "bad";
    distance.append(meter, found.statistic.toFixed(3));
    const small = found.p_value < 0.001 ? "<\u00a00.001" : found.p_value.toFixed(3);
    row.append(head, distance, make("td", small), make("td", found.drifted ? "drifted" : "as before", found.drifted ? "bad" : "good"));
    return row;
  }));
}

function showVersions(now) {
  const target = now.rollback_to;
  at("rollback").disabled = !known(target);
  say("rollback", known(target) ? `Roll back to version ${target}` : "Roll back");
  say("rollback-hint", known(target) ? "" : "No earlier version was in use.");
  at("token-row").hidden = !now.token_needed;
  const drawn = JSON.stringify([now.versions, now.version]);
  const body = at("versions").tBodies[0];
  if (body.dataset.drawn === drawn) return; // buttons that are replaced lose the keyboard's focus
  const focused = document.activeElement && document.activeElement.dataset.version;
  body.dataset.drawn = drawn;
  body.replaceChildren(...[...now.versions].reverse().map(versionRow));
  const again = focused && body.querySelector(`[data-version="${focused}"]`);
  if (again) again.focus();
  else if (focused) at("versions-title").focus();
}

function versionRow(version) {
  const row = document.createElement("tr");
  const head = make("th", String(version.version));
  head.scope = "row";
  head.append(make("time", new Date(version.created * 1000).toLocaleString()));
  const size = bytes(version.notes.bytes) + (version.notes.quantized ? ", int8" : "");
  const cells = [percent(version.notes.accuracy, 2), size];
  const state = make("td", version.current ? "answers" : "", version.current ? "good" : "");
  if (!version.current) {
    const button = make("button", "Promote");
    button.type = "button";
    button.dataset.version = version.version;
    button.setAttribute("aria-label", `Promote version ${version.version}`);
    button.addEventListener("click", () => change("promote", version.version));
    state.append(button);
  }
  row.append(head, ...cells.map((cell) => make("td", cell)), state);
  return row;
}

// ---- charts --------------------------------------------------------------------------------------------------------

function svg(tag, attributes, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  return element;
}

// A round number at least as large as the value, for the top of an axis.
function ceiling(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= value);
}

function chart(id, seconds, names, unit, words) {
  const values = names.map((name) => seconds.map((second) => second[name]));
  const all = values.flat().filter(known);
  const top = ceiling(Math.max(1, ...all));
  const height = (v) => PLOT.bottom - (v / top) * (PLOT.bottom - PLOT.top);
  const step = (PLOT.right - PLOT.left) / 119;
  const parts = [];
  for (const share of [0, 0.5, 1]) {
    const y = height(share * top);
    parts.push(svg("line", { class: "grid", x1: PLOT.left, x2: PLOT.right, y1: y, y2: y }));
    parts.push(svg("text", { x: PLOT.left - 6, y: y + 5, "text-anchor": "end" }, String(share * top)));
  }
  parts.push(svg("text", { x: PLOT.left, y: 194 }, "2 min ago"));
  parts.push(svg("text", { x: PLOT.right, y: 194, "text-anchor": "end" }, "now"));
  values.forEach((series, which) => {
    let path = "";
    let pen = "M";
    series.forEach((value, i) => {
      if (!known(value)) { pen = "M"; return; }
      const x = PLOT.right - (series.length - 1 - i) * step;
      path += `${pen}${x.toFixed(1)} ${height(value).toFixed(1)}`;
      if (pen === "M") path += "h0.1"; // a lone second is a dot
      pen = "L";
    });
    parts.push(svg("path", { class: `line ${"ab"[which]}`, d: path || "M0 0" }));
  });
  at(id).replaceChildren(...parts);
  const latest = values.map((series, i) => {
    const value = series.filter(known).at(-1);
    return `${words[i]} ${known(value) ? value : "unknown"}${unit && known(value) ? ` ${unit}` : ""}`;
  });
  at(id).setAttribute("aria-label", `Last two minutes. Latest: ${latest.join(", ")}. Top of the axis: ${top} ${unit}`.trim());
}

// ---- changing the version ------------------------------------------------------------------------------------------

async function change(how, version) {
  say("sure-text", `Version ${version} will answer instead of version ${status.version}. No request fails meanwhile.`);
  say("sure-yes", how === "rollback" ? `Roll back to ${version}` : `Promote ${version}`);
  const dialog = at("sure");
  dialog.returnValue = "no";
  dialog.showModal();
  await new Promise((done) => dialog.addEventListener("close", done, { once: true }));
  if (dialog.returnValue !== "yes") return;
  const headers = { "Content-Type": "application/json" };
  if (at("token").value) headers.Authorization = `Bearer ${at("token").value}`;
  const body = how === "promote" ? JSON.stringify({ version }) : "{}";
  at("said").className = "";
  try {
    const response = await fetch(how, { method: "POST", headers, body });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error.message);
    say("said", `Version ${answer.version} answers now.`);
  } catch (error) {
    at("said").className = "bad";
    say("said", `Not changed: ${error.message}`);
  }
  await refresh();
}

at("rollback").addEventListener("click", () => change("rollback", status.rollback_to));

// ---- once a second -------------------------------------------------------------------------------------------------

async function refresh() {
  try {
    const response = await fetch("status", { cache: "no-store" });
    if (!response.ok) throw new Error(`status ${response.status}`);
    show(await response.json());
  } catch (error) {
    at("state").className = "dot lost";
    say("state", "no answer from the service");
  }
}

async function live() {
  if (!document.hidden) await refresh();
  setTimeout(live, EVERY);
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
live();
