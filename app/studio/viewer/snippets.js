// A recipe as a program that asks for the same picture. Knows the native API's one call.

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

const fileOf = (path) => path.split("/").pop();

const asText = (value) => (typeof value === "string" ? value : JSON.stringify(value));

/** `files` are fetched first and sent along; `withKey`: the server asks for one; it is named, never written down. */
export function asCurl(recipe, files, origin, withKey) {
  const keyed = withKey ? ['-H "Authorization: Bearer $EASEL_API_KEY"'] : [];
  const fetched = files.map(([, path]) => `${["curl -sS", ...keyed, `${origin}${path}`].join(" ")} -o ${fileOf(path)}\n`);
  const body = files.length
    ? [
        ...Object.entries(recipe).map(([name, value]) => `--form-string ${quoted(`${name}=${asText(value)}`)}`),
        ...files.map(([role, path]) => `-F ${role}=@${fileOf(path)}`),
      ]
    : ["-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(recipe))}`];
  const call = [`curl -sS ${origin}/v1/generations`, ...keyed, "-H 'Prefer: wait=60'", ...body];
  return `${fetched.join("")}${call.join(" \\\n  ")}\n`;
}

const PYTHON = { true: "True", false: "False", null: "None" };

/** JSON of several lines as Python has it: its literals end their lines, where no text can. */
const inPython = (json) => json.replace(/(true|false|null)(,?)$/gm, (_, word, comma) => PYTHON[word] + comma);

export function asPython(recipe, files, origin, withKey) {
  const headers = withKey ? `headers={"Authorization": f"Bearer {os.environ['EASEL_API_KEY']}"}, ` : "";
  const texts = Object.fromEntries(Object.entries(recipe).map(([name, value]) => [name, asText(value)]));
  const indented = (value) => inPython(JSON.stringify(value, null, 4)).replaceAll("\n", "\n    ");
  const sent = files.map(([role, path]) => `("${role}", easel.get("${path}").content)`).join(", ");
  const body = files.length ? `data=${indented(texts)},\n    files=[${sent}]` : `json=${indented(recipe)}`;
  return `${withKey ? "import os\n\n" : ""}import httpx

easel = httpx.Client(base_url="${origin}", ${headers}timeout=90)
job = easel.post(
    "/v1/generations",
    ${body},
    headers={"Prefer": "wait=60"},
).json()
for output in job["outputs"]:
    with open(f"{job['id']}-{output['index']}.{job['output']['format']}", "wb") as file:
        file.write(easel.get(output["url"]).content)
`;
}
