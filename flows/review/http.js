// Requests to the server of the page.

export async function request(what, options) {
  let response;
  try {
    response = await fetch(what, options);
  } catch {
    throw new Error(`${document.body.dataset.command} has stopped; start it again, and open the address that it prints`);
  }
  const body = await response.json().catch(() => ({ error: `the server answered with status ${response.status}` }));
  if (!response.ok) throw Object.assign(new Error(body.error), { body });
  return body;
}
