// A recipe as a program that asks for the same picture. Knows the native API's one call.

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** `withKey`: the server asks for one; it is named, never written down. */
export function asCurl(recipe, origin, withKey) {
  return [
    `curl -sS ${origin}/v1/generations`,
    ...(withKey ? ['-H "Authorization: Bearer $EASEL_API_KEY"'] : []),
    "-H 'Content-Type: application/json'",
    "-H 'Prefer: wait=60'",
    `-d ${quoted(JSON.stringify(recipe))}`,
  ].join(" \\\n  ") + "\n";
}

/** A JSON object of texts and numbers is one of Python too. */
export function asPython(recipe, origin, withKey) {
  const headers = withKey ? `headers={"Authorization": f"Bearer {os.environ['EASEL_API_KEY']}"}, ` : "";
  return `${withKey ? "import os\n\n" : ""}import httpx

easel = httpx.Client(base_url="${origin}", ${headers}timeout=90)
job = easel.post(
    "/v1/generations",
    json=${JSON.stringify(recipe, null, 4).replaceAll("\n", "\n    ")},
    headers={"Prefer": "wait=60"},
).json()
for output in job["outputs"]:
    with open(f"{job['id']}-{output['index']}.{job['output']['format']}", "wb") as file:
        file.write(easel.get(output["url"]).content)
`;
}
