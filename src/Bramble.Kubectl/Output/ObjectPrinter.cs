using System.Text.Json.Nodes;
using Bramble.Kubectl.Resources;

namespace Bramble.Kubectl.Output;

/// <summary>The output forms that show objects: yaml, json, name, jsonpath, custom-columns.</summary>
internal sealed class ObjectPrinter
{
    private readonly Func<IReadOnlyList<(KnownResource Resource, JsonObject Object)>, bool, string> _format;
    private readonly TextWriter _out;

    private ObjectPrinter(TextWriter output, Func<IReadOnlyList<(KnownResource Resource, JsonObject Object)>, bool, string> format)
    {
        _out = output;
        _format = format;
    }

    /// <exception cref="CommandFailure">No such form.</exception>
    public static ObjectPrinter Of(string output, Arguments arguments, TextWriter writer)
    {
        var equals = output.IndexOf('=');
        var form = equals < 0 ? output : output[..equals];
        var template = equals < 0 ? arguments.Text("template") : output[(equals + 1)..];
        switch (form)
        {
            case "yaml":
                return new(writer, (items, isList) => ObjectText.Yaml(Whole(items, isList)));
            case "json":
                return new(writer, (items, isList) => ObjectText.Json(Whole(items, isList)));
            case "name":
                return new(writer, (items, _) => string.Concat(items.Select(i => $"{i.Resource.QualifiedSingular}/{(string?)i.Object["metadata"]?["name"]}\n")));
            case "jsonpath" or "jsonpath-as-json" or "jsonpath-file":
                if (template.Length == 0) throw new CommandFailure($"error: template format specified but no template given");
                var path = JsonPath.Parse(form == "jsonpath-file" ? File.ReadAllText(template) : template);
                return form == "jsonpath-as-json"
                    ? new(writer, (items, isList) => ObjectText.Json(new JsonArray(path.Find(Whole(items, isList)).Select(v => v?.DeepClone()).ToArray())))
                    : new(writer, (items, isList) => path.Format(Whole(items, isList)));
            case "custom-columns":
                if (template.Length == 0) throw new CommandFailure("error: custom-columns format specified but no custom columns given");
                var columns = template.Split(',').Select(Column).ToList();
                return new(writer, (items, _) => Columns(items, columns, !arguments.IsSet("no-headers")));
            default:
                throw new CommandFailure(
                    $"error: unable to match a printer suitable for the output format \"{form}\", allowed formats are: custom-columns,json,jsonpath,jsonpath-as-json,jsonpath-file,name,wide,yaml");
        }
    }

    public Task PrintAsync(IReadOnlyList<(KnownResource Resource, JsonObject Object)> items, bool isList) => _out.WriteAsync(_format(items, isList));

    private static JsonObject Whole(IReadOnlyList<(KnownResource Resource, JsonObject Object)> items, bool isList) => !isList && items.Count == 1
        ? items[0].Object
        : new JsonObject
        {
            ["apiVersion"] = "v1",
            ["items"] = new JsonArray(items.Select(i => i.Object.DeepClone()).ToArray()),
            ["kind"] = "List",
            ["metadata"] = new JsonObject { ["resourceVersion"] = "" },
        };

    private static (string Header, JsonPath Path) Column(string spec)
    {
        var colon = spec.IndexOf(':');
        if (colon < 0) throw new CommandFailure($"error: unexpected custom-columns spec: {spec}, expected <header>:<json-path-expr>");
        return (spec[..colon], JsonPath.ParseRelaxed(spec[(colon + 1)..]));
    }

    private static string Columns(IReadOnlyList<(KnownResource Resource, JsonObject Object)> items, List<(string Header, JsonPath Path)> columns, bool withHeaders)
    {
        var lines = new List<IReadOnlyList<string>>();
        if (withHeaders) lines.Add(columns.Select(c => c.Header).ToList());
        foreach (var (_, obj) in items)
            lines.Add(columns.Select(c => c.Path.Find(obj) is { Count: > 0 } found ? string.Join(',', found.Select(v => v is null ? "<none>" : JsonPath.Show(v))) : "<none>").ToList());
        return new TextTable().Format(lines);
    }
}
