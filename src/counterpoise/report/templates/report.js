"use strict";
(() => {
  const contents = document.getElementById("contents");
  if (contents && matchMedia("(max-width: 63.99rem)").matches) contents.open = false;

  const links = new Map();
  for (const link of document.querySelectorAll(".contents a")) links.set(link.hash.slice(1), link);
  if (links.size && "IntersectionObserver" in window) {
    const observer = new IntersectionObserver((entries) => {
      const reached = entries.find((entry) => entry.isIntersecting);
      if (!reached) return;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(reached.target.id).setAttribute("aria-current", "true");
    }, { rootMargin: "0px 0px -70% 0px" });
    for (const id of links.keys()) {
      const heading = document.getElementById(id);
      if (heading) observer.observe(heading);
    }
  }

  const trace = document.getElementById("trace");
  let timer = 0;
  document.addEventListener("click", (event) => {
    const number = event.target.closest("data");
    for (const other of document.querySelectorAll("data.traced")) other.classList.remove("traced");
    trace.hidden = !number;
    if (!number) return;
    number.classList.add("traced");
    trace.textContent = number.title;
    if (navigator.clipboard) navigator.clipboard.writeText(number.value).catch(() => undefined);
    clearTimeout(timer);
    timer = setTimeout(() => { trace.hidden = true; number.classList.remove("traced"); }, 6000);
  });
})();
