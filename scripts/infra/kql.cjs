// Binds KQL queries against the tables and columns given, with Microsoft's own Kusto parser.
// stdin: {"tables": {"Name": "(Column: type, ...)"}, "queries": {"name": "text"}}; stdout: {"name": ["message", ...]}
require('@kusto/language-service-next/bridge.js');
require('@kusto/language-service-next/Kusto.Language.Bridge.js');

const { GlobalState, KustoCode, Symbols } = globalThis.Kusto.Language;

function bind({ tables, queries }) {
  const symbols = Object.entries(tables).map(([name, schema]) => new Symbols.TableSymbol.$ctor7(name, schema, null));
  const database = new Symbols.DatabaseSymbol.$ctor1('workspace', symbols, false);
  const globals = GlobalState.Default.WithDatabase(database);
  return Object.fromEntries(Object.entries(queries).map(([name, text]) => {
    const found = KustoCode.ParseAndAnalyze(text, globals).GetDiagnostics();
    return [name, Array.from({ length: found.Count }, (_, i) => found.getItem(i).Message)];
  }));
}

let text = '';
process.stdin.on('data', (part) => { text += part; });
process.stdin.on('end', () => process.stdout.write(JSON.stringify(bind(JSON.parse(text)))));
