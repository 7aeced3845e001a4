// Evaluates JSONata with its reference implementation and prints the results as a JSON array.
// Arguments: node_modules, a file with [{"expression": "...", "bindings": {"<variable>": <value>}}, ...].
// A result is {"value": ...}, {} for an expression without a value, or {"error": "<code>"}.
const fs = require("fs");
const path = require("path");

const [modules, file] = process.argv.slice(2);
const jsonata = require(path.resolve(modules, "jsonata"));

async function evaluate({ expression, bindings }) {
  try {
    const value = await jsonata(expression).evaluate(undefined, bindings);
    return value === undefined ? {} : { value };
  } catch (error) {
    return { error: error.code ?? String(error) };
  }
}

Promise.all(JSON.parse(fs.readFileSync(file, "utf8")).map(evaluate)).then((results) =>
  console.log(JSON.stringify(results)),
);
