// A text that is too long for its slide gets smaller letters.
const slides = document.querySelector(".slides");
slides.classList.add("measured");
for (const slide of slides.querySelectorAll(".slide")) {
  const tooLong = () => slide.scrollHeight > slide.clientHeight || slide.scrollWidth > slide.clientWidth;
  for (let size = 96; size >= 40 && tooLong(); size -= 4) slide.style.fontSize = `${size}%`;
}
slides.classList.remove("measured");

Reveal.initialize({
  width: 1280,
  height: 720,
  margin: 0,
  center: false,
  hash: true,
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
