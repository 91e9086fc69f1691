// A text that is too long for its slide gets smaller letters.
const slides = document.querySelector(".slides");
slides.classList.add("measured");
for (const slide of slides.querySelectorAll(".slide")) {
  const tooLong = () => slide.scrollHeight > slide.clientHeight || slide.scrollWidth > slide.clientWidth;
  for (let size = 0.96; size > 0.4 && tooLong(); size -= 0.04) slide.style.setProperty("--fit", size.toFixed(2));
}
slides.classList.remove("measured");

Reveal.initialize({
  width: 1280,
  height: 720,
  margin: 0,
  center: false,
  hash: true,
  controlsLayout: "edges",
  slideNumber: "c/t",
  transition: "none",
  plugins: [RevealNotes],
}).then(() => {
  const { previous, next } = slides.dataset;
  const labels = { left: previous, up: previous, right: next, down: next };
  for (const [way, label] of Object.entries(labels)) {
    document.querySelector(`.navigate-${way}`).setAttribute("aria-label", label);
  }
});
