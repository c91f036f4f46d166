// Both of Prefect's user interfaces read the login from this entry, and send it as basic authentication.
const ENTRY = "prefect-password";
const login = btoa("fluke:" + location.hash.slice(1));
const answer = await fetch("/api/admin/version", { headers: { Authorization: "Basic " + login } });
if (answer.ok) {
  localStorage.setItem(ENTRY, login);
  location.replace("/"); // so that the key isn't in the history
} else {
  document.getElementById("message").textContent =
    "This address doesn't have the present key. Run `fluke up`: it prints the right one.";
}
