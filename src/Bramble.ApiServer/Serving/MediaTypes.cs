using System.Globalization;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Serving;

/// <summary>The forms an answer can have.</summary>
internal enum AnswerFormat { Json, Yaml, Protobuf }

/// <summary>What else than the object itself a client may ask for.</summary>
internal enum AnswerTransform { None, Table, PartialMetadata, Discovery }

/// <summary>Which transforms a route has: those of objects, or that of the discovery documents.</summary>
internal enum Transforms { None, Objects, Discovery }

/// <summary>What was negotiated. <c>MetaVersion</c>: v1 or v1beta1 of the transform's kind.</summary>
internal readonly record struct Negotiated(AnswerFormat Format, AnswerTransform Transform, string MetaVersion)
{
    public string ContentType => Transform == AnswerTransform.Discovery ? $"{MediaType};g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList" : MediaType;

    private string MediaType => Format switch
    {
        AnswerFormat.Yaml => "application/yaml",
        AnswerFormat.Protobuf => "application/vnd.kubernetes.protobuf",
        _ => "application/json",
    };
}

/// <summary>Negotiation of the answer's form from the Accept header; behaviour and messages of apiserver's negotiation package.</summary>
internal static class MediaTypes
{
    private const string All = "application/json, application/yaml, application/vnd.kubernetes.protobuf";
    private const string Watch = ", application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch";

    /// <summary>One clause of an Accept header.</summary>
    private readonly record struct Clause(string Type, string SubType, double Quality, IReadOnlyDictionary<string, string> Parameters);

    /// <param name="mayStream">The route can stream: its answer to an Accept it cannot serve names the stream forms too.</param>
    /// <param name="transforms">What the route's answers can be shown as.</param>
    /// <exception cref="StatusException">406.</exception>
    public static Negotiated Negotiate(string accept, bool mayStream, Transforms transforms, bool hasProtobuf)
    {
        if (accept.Length == 0) return new Negotiated(AnswerFormat.Json, AnswerTransform.None, "v1");
        // First the router asks whether any clause names a type it knows; only then objects are looked at.
        if (!IsRoutable(accept, mayStream)) throw NotRoutable(mayStream);
        return Find(accept, transforms, hasProtobuf) ?? throw NotAccepted(All);
    }

    /// <summary>The form of a refusal: as asked where the client asked for something there is, else JSON.</summary>
    public static AnswerFormat OfError(string accept) => accept.Length == 0 ? AnswerFormat.Json : Find(accept, Transforms.None, hasProtobuf: true)?.Format ?? AnswerFormat.Json;

    /// <summary>406 unless the form can be streamed.</summary>
    public static void CheckStream(Negotiated form)
    {
        if (form.Format == AnswerFormat.Yaml) throw NotAccepted(Watch[2..]);
    }

    private static Negotiated? Find(string accept, Transforms transforms, bool hasProtobuf)
    {
        foreach (var clause in Parse(accept))
        {
            if (FormatOf(clause) is not { } format || TransformOf(clause, format, transforms) is not { } found) continue;
            // Metadata has a protobuf form also where the object has none.
            if (format != AnswerFormat.Protobuf || hasProtobuf || found.Transform == AnswerTransform.PartialMetadata) return found;
        }
        return null;
    }

    /// <summary>The form of a debug page: its kind of config.k8s.io in JSON or YAML; null: text.</summary>
    /// <exception cref="StatusException">406.</exception>
    public static (AnswerFormat Format, string Version)? NegotiateDebug(string accept, string kind)
    {
        if (string.IsNullOrWhiteSpace(accept)) return null;
        foreach (var clause in Parse(accept))
        {
            var asked = clause.Parameters.GetValueOrDefault("as", "");
            if (asked.Length == 0 && (clause.Type, clause.SubType) is ("*", "*") or ("text", "*" or "plain")) return null;
            if (FormatOf(clause) is { } format and not AnswerFormat.Protobuf && asked == kind && clause.Parameters.GetValueOrDefault("g", "") == "config.k8s.io"
                && clause.Parameters.GetValueOrDefault("v", "") is ("v1beta1" or "v1alpha1") and var version) return (format, version);
        }

        throw NotAccepted("application/json, application/yaml, text/plain");
    }

    private static StatusException NotAccepted(string types) => new(new Status(406, "NotAcceptable", $"only the following media types are accepted: {types}"));

    private static StatusException NotRoutable(bool mayStream) => new(new Status(
        406, "NotAcceptable", $"406: Not Acceptable\n\nAvailable representations: {All}{(mayStream ? Watch : "")}", new StatusDetails()));

    private static bool IsRoutable(string accept, bool mayStream)
    {
        foreach (var part in accept.Split(','))
        {
            var semicolon = part.IndexOf(';');
            var type = (semicolon < 0 ? part : part[..semicolon]).Trim();
            if (type is "*/*" or "application/json" or "application/yaml" or "application/vnd.kubernetes.protobuf") return true;
            // The router takes "application/*" for nothing it knows.
        }
        return false;
    }

    private static AnswerFormat? FormatOf(Clause clause) => (clause.Type, clause.SubType) switch
    {
        ("*", "*") or ("application", "*") or ("application", "json") => AnswerFormat.Json,
        ("application", "yaml") => AnswerFormat.Yaml,
        ("application", "vnd.kubernetes.protobuf") => AnswerFormat.Protobuf,
        _ => null,
    };

    private static Negotiated? TransformOf(Clause clause, AnswerFormat format, Transforms transforms)
    {
        if (clause.Parameters.GetValueOrDefault("stream", "watch") != "watch") return null;
        var (kind, group, version) = (clause.Parameters.GetValueOrDefault("as", ""), clause.Parameters.GetValueOrDefault("g", ""), clause.Parameters.GetValueOrDefault("v", ""));
        // One of the three asks for another kind; without the others it is none that there is.
        if (kind.Length == 0 && group.Length == 0 && version.Length == 0) return new Negotiated(format, AnswerTransform.None, "v1");
        if (transforms == Transforms.Discovery && group == "apidiscovery.k8s.io" && version == "v2" && kind == "APIGroupDiscoveryList")
            return new Negotiated(format, AnswerTransform.Discovery, version);
        if (transforms != Transforms.Objects || group != "meta.k8s.io" || version is not ("v1" or "v1beta1")) return null;
        return kind switch
        {
            "Table" when format != AnswerFormat.Protobuf => new Negotiated(format, AnswerTransform.Table, version),
            "PartialObjectMetadata" or "PartialObjectMetadataList" => new Negotiated(format, AnswerTransform.PartialMetadata, version),
            _ => null,
        };
    }

    /// <summary>Clauses by falling quality, in the header's order where equal (goautoneg).</summary>
    private static IEnumerable<Clause> Parse(string accept)
    {
        var clauses = new List<Clause>();
        foreach (var part in accept.Split(','))
        {
            var pieces = part.Split(';');
            var type = pieces[0].Trim().Split('/');
            if (type.Length != 2 && !(type.Length == 1 && type[0] == "*")) continue;
            var quality = 1.0;
            var parameters = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var piece in pieces.Skip(1))
            {
                var equals = piece.IndexOf('=');
                if (equals < 0) continue;
                var (name, value) = (piece[..equals].Trim(), piece[(equals + 1)..].Trim());
                if (name == "q")
                {
                    if (double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var q)) quality = q;
                }
                else parameters[name] = value;
            }
            clauses.Add(new Clause(type[0], type.Length == 2 ? type[1] : "*", quality, parameters));
        }
        return clauses.OrderByDescending(c => c.Quality);
    }
}
