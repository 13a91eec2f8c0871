// Before the first paint: light or dark, as the reader chose, else as the system says.
"use strict";
try {
  const chosen = localStorage.getItem("onspike-theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
} catch {
  // Storage may be forbidden; the system's choice stands.
}
