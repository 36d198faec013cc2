using System.Text.Json.Nodes;
using Bramble.ApiServer.Aggregation;
using Bramble.Client;

namespace Bramble.ApiServer.Tests.Aggregation;

/// <summary>APIServices as tests need them.</summary>
internal static class RemoteServices
{
    /// <param name="name">VERSION.GROUP</param>
    public static string Json(string name, string service = ""","service":{"namespace":"wardle","name":"api"}""", string labels = "{}", string available = "True")
    {
        var (version, group) = (name[..name.IndexOf('.')], name[(name.IndexOf('.') + 1)..]);
        return $$$"""{"metadata":{"name":"{{{name}}}","labels":{{{labels}}}},"spec":{"group":"{{{group}}}","version":"{{{version}}}","groupPriorityMinimum":100,"versionPriority":10{{{service}}}},"status":{"conditions":[{"type":"Available","status":"{{{available}}}"}]}}""";
    }

    public static RemoteService Of(string name, string available = "True") => RemoteService.Read(Object(Json(name, available: available)))!;

    public static KubeObject Object(string json)
    {
        var name = (string)JsonNode.Parse(json)!["metadata"]!["name"]!;
        return new KubeObject(new("", name), "", 1, System.Text.Encoding.UTF8.GetBytes(json));
    }
}
