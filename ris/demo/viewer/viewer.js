// Shows a study of the demo's Orthanc, and a prior beside it: ?study=UID&prior=UID.
"use strict";

const RETRY_MS = 3000;
const panes = [];

async function ask(path, options) {
  const answer = await fetch(path, options);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

async function open(uid, figure) {
  const found = await ask("/tools/lookup", { method: "POST", body: uid });
  const known = found.find((row) => row.Type === "Study");
  if (!known) {
    figure.textContent = "The pictures of this exam have not come yet.";
    setTimeout(() => open(uid, figure), RETRY_MS);
    return;
  }
  const study = await ask(`/studies/${known.ID}`);
  const images = await ask(`/studies/${known.ID}/instances`);
  images.sort((a, b) => a.MainDicomTags.InstanceNumber - b.MainDicomTags.InstanceNumber);
  const said = { ...study.PatientMainDicomTags, ...study.MainDicomTags };
  const pane = { images, at: Math.floor((images.length - 1) / 2), image: new Image(), place: document.createElement("span") };
  const caption = document.createElement("figcaption");
  const link = document.createElement("a");
  link.href = `/app/explorer.html#study?uuid=${known.ID}`;
  link.textContent = "all that Orthanc knows";
  caption.append(`${said.PatientName} · ${said.PatientID} · ${said.AccessionNumber} · ${said.StudyDescription} · `, pane.place, " · ", link);
  figure.replaceChildren(caption, pane.image);
  panes.push(pane);
  show(pane, 0);
}

function show(pane, by) {
  pane.at = Math.min(Math.max(pane.at + by, 0), pane.images.length - 1);
  pane.image.src = `/instances/${pane.images[pane.at].ID}/preview`;
  pane.image.alt = pane.place.textContent = `picture ${pane.at + 1} of ${pane.images.length}`;
}

const asked = new URLSearchParams(location.search);
for (const uid of [asked.get("study"), asked.get("prior")].filter(Boolean)) {
  const figure = document.createElement("figure");
  document.querySelector("main").append(figure);
  open(uid, figure).catch((error) => { figure.textContent = `This study cannot be shown (${error.message}).`; });
}
addEventListener("wheel", (event) => panes.forEach((pane) => show(pane, Math.sign(event.deltaY))));
addEventListener("keydown", (event) => {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (by) panes.forEach((pane) => show(pane, by));
});
