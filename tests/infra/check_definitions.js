// Prints as JSON what two validators find in state machines: {"<name>": ["<validator>: <message>", ...]}.
// Arguments: node_modules, a file with {"<name>": "<definition>"}.
const fs = require("fs");
const path = require("path");

const [modules, file] = process.argv.slice(2);
const load = (name) => require(path.resolve(modules, name));
const validate = load("asl-validator");
const { getLanguageService, TextDocument } = load("amazon-states-language-service");

async function check(name, text) {
  const found = [];
  const { isValid, errorsText } = validate(JSON.parse(text));
  if (!isValid) found.push(`asl-validator: ${errorsText()}`);
  const service = getLanguageService({});
  const document = TextDocument.create(`${name}.asl.json`, "json", 1, text);
  for (const diagnostic of await service.doValidation(document, service.parseJSONDocument(document)))
    found.push(`amazon-states-language-service: line ${diagnostic.range.start.line + 1}: ${diagnostic.message}`);
  return [name, found];
}

const definitions = JSON.parse(fs.readFileSync(file, "utf8"));
Promise.all(Object.entries(definitions).map(([name, text]) => check(name, text)))
  .then((found) => console.log(JSON.stringify(Object.fromEntries(found))))
  .catch((error) => { console.error(error); process.exit(1); });
