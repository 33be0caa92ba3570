// What the page shows, as the data inside it.

const DATA = JSON.parse(document.getElementById("data").textContent);
