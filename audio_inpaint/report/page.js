"use strict";

const root = document.documentElement;
function fail(reason) {
  root.dataset.error = String(reason?.message ?? reason);
  const notice = document.getElementById("notice");
  notice.textContent = `This page met an error: ${root.dataset.error}`;
  notice.hidden = false;
}
addEventListener("error", (event) => fail(event.error ?? event.message));
addEventListener("unhandledrejection", (event) => fail(event.reason));

const page = JSON.parse(document.getElementById("page-data").textContent);
const LEAD = 0.5; // s heard before a gap that was jumped to, and around it when looping
const clamp = (x, low, high) => Math.min(Math.max(x, low), high);
const seconds = (t, digits = 3) =>
  t < 60 ? `${t.toFixed(digits)} s` : `${Math.floor(t / 60)}:${(t % 60).toFixed(digits).padStart(digits ? digits + 3 : 2, "0")}`;
