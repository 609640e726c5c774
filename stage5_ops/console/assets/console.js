"use strict";
// Keeps a page fresh: asks for it again, and changes in place only what is different. All that it shows comes from the
// server as HTML that is escaped already, or goes in as text.

const EVERY = 700;
const SLOW = 3000;
const KEPT = 400000;
const SECRET = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

const visible = (text) =>
  text.replace(/\r\n/g, "\n").replace(SECRET, (found) => {
    const code = found.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
  });

// Make `old` like `fresh`, keeping every node that can stay: focus, ticks and what is selected stay with it.
const morph = (old, fresh) => {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) {
    old.replaceWith(fresh);
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  if (old.hasAttribute("data-keep")) return;
  for (const { name } of [...old.attributes])
    if (!fresh.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS")) old.removeAttribute(name);
  for (const { name, value } of [...fresh.attributes]) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  morphChildren(old, fresh);
};

const morphChildren = (old, fresh) => {
  const keyed = new Map([...old.children].filter((child) => child.dataset.key).map((child) => [child.dataset.key, child]));
  let at = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    const key = next.nodeType === Node.ELEMENT_NODE && next.dataset.key;
    const known = key ? keyed.get(key) : at && !(at.dataset && at.dataset.key) ? at : null;
    if (!known) {
      old.insertBefore(next, at);
      continue;
    }
    if (known !== at) old.insertBefore(known, at);
    at = known.nextSibling;
    morph(known, next);
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
};

const pulse = document.getElementById("pulse");
const say = (how) => {
  if (!pulse || pulse.dataset.how === how) return;
  pulse.dataset.how = how;
  pulse.textContent = pulse.dataset[how];
};

const refresh = async () => {
  const answer = await fetch(location.href, { headers: { "X-Live": "1" }, cache: "no-store", signal: AbortSignal.timeout(8000) });
  if (answer.status === 401) location.reload();
  if (!answer.ok) throw new Error(answer.status);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const main = page.getElementById("main");
  if (!main || document.hidden) return;
  morph(document.getElementById("main"), main);
  document.dispatchEvent(new Event("fresh"));
};

const keepFresh = async () => {
  if (document.hidden) {
    say("rests");
    document.addEventListener("visibilitychange", keepFresh, { once: true });
    return;
  }
  const begun = performance.now();
  let rest = EVERY;
  try {
    await refresh();
    say("live");
  } catch (error) {
    say("late");
    rest = SLOW;
  }
  // From look to look, not from the end of one to the next.
  setTimeout(keepFresh, Math.max(100, rest - (performance.now() - begun)));
};

const follow = (shown) => {
  const atEnd = () => shown.scrollHeight - shown.scrollTop - shown.clientHeight < 30;
  let attempt = 0;
  const add = (text) => {
    const stays = atEnd();
    shown.append(text);
    if (shown.textContent.length > KEPT) shown.textContent = shown.textContent.slice(-KEPT / 2);
    if (stays) shown.scrollTop = shown.scrollHeight;
  };
  const stream = new EventSource(shown.dataset.stream);
  stream.addEventListener("log", (event) => {
    const piece = JSON.parse(event.data);
    if (attempt && piece.attempt !== attempt) add(`\n── ${shown.dataset.next} ${piece.attempt} ──\n`);
    attempt = piece.attempt;
    add(visible(piece.text));
  });
  stream.addEventListener("end", () => stream.close());
};

const tickAll = () => {
  const all = document.querySelector("[data-all]");
  if (!all) return;
  all.hidden = false;
  const box = all.querySelector("input");
  box.onchange = () => {
    for (const one of document.querySelectorAll("input[name=task]")) one.checked = box.checked;
  };
};

document.addEventListener("submit", (event) => {
  const asked = event.submitter && event.submitter.dataset.confirm;
  if (asked && !confirm(asked)) event.preventDefault();
});
document.addEventListener("fresh", tickAll);

tickAll();
const log = document.querySelector("[data-stream]");
const shown = document.getElementById("log");
if (shown) shown.scrollTop = shown.scrollHeight;
if (log) follow(log);
if (document.querySelector("main[data-fresh]")) keepFresh();
