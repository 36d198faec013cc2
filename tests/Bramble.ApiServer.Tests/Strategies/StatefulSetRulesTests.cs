namespace Bramble.ApiServer.Tests.Strategies;

public sealed class StatefulSetRulesTests
{
    private const string Forbidden = "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
    private const string NoVolume = "spec.template.spec.containers[0].volumeMounts[0].name: Not found: \"data\"";
    private const string Plain = "\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]";
    private const string Mounting = "\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"volumeMounts\":[{\"name\":\"data\",\"mountPath\":\"/data\"}]}]";
    private const string Claims = "\"volumeClaimTemplates\":[{\"metadata\":{\"name\":\"data\"},\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"resources\":{\"requests\":{\"storage\":\"1Gi\"}}}}],";
    private const string NoModes = "\"volumeClaimTemplates\":[{\"metadata\":{\"name\":\"data\"},\"spec\":{\"resources\":{\"requests\":{\"storage\":\"1Gi\"}}}}],";

    public static TheoryData<string, string, string[]> Creations => new()
    {
        { "what is mounted has a volume", Set(Mounting), [NoVolume] },
        { "or a claim", Set(Mounting, Claims), [] },
        { "that stands before the template's volume", Set(Mounting + ",\"volumes\":[{\"name\":\"data\",\"emptyDir\":{}}]", Claims), [] },
        { "hostname and subdomain are not the template's to say", Set(Plain + ",\"hostname\":\"No=\",\"subdomain\":\"No=\""), [] },
        { "without a selector nothing matches", Set(Plain).Replace(",\"selector\":{\"matchLabels\":{\"a\":\"b\"}}", "", StringComparison.Ordinal),
            ["spec.selector: Required value", "spec.template.metadata.labels: Invalid value: {\"a\":\"b\"}: `selector` does not match template `labels`"] },
    };

    public static TheoryData<string, string, string, string[]> Updates => new()
    {
        { "a template becomes invalid", Set(Plain), Set(Mounting), [NoVolume] },
        { "one that was invalid before can be scaled", Set(Mounting), Set(Mounting, "\"replicas\":3,"), [] },
        { "but its labels are looked at", Set(Mounting), Set(Mounting, label: "c"),
            ["spec.template.metadata.labels: Invalid value: {\"a\":\"c\"}: `selector` does not match template `labels`"] },
        { "claims that were invalid before stay", Set(Plain, NoModes), Set(Plain, NoModes + "\"replicas\":3,"), [] },
        { "a Service's name that was invalid before stays", Set(Plain, "\"serviceName\":\"Bad.Name\","), Set(Plain, "\"serviceName\":\"Bad.Name\",\"replicas\":3,"), [] },
        { "claims never change", Set(Plain, Claims), Set(Plain, Claims.Replace("1Gi", "2Gi", StringComparison.Ordinal)), [Forbidden] },
        { "nor do they come later", Set(Plain), Set(Plain, Claims), [Forbidden] },
        { "nor does the order of the Pods", Set(Plain), Set(Plain, "\"podManagementPolicy\":\"Parallel\","), [Forbidden] },
        { "what may change", Set(Plain), Set(Plain + ",\"nodeName\":\"n\"", "\"replicas\":3,\"minReadySeconds\":5,\"revisionHistoryLimit\":2,\"ordinals\":{\"start\":3},\"updateStrategy\":{\"type\":\"OnDelete\"},\"persistentVolumeClaimRetentionPolicy\":{\"whenScaled\":\"Delete\"},"), [] },
    };

    [Theory]
    [MemberData(nameof(Creations))]
    public void A_new_one_is_told(string why, string json, string[] expected)
    {
        Assert.NotEmpty(why);
        Assert.Equal(expected, Written.Create("apps/v1/statefulsets", json));
    }

    [Theory]
    [MemberData(nameof(Updates))]
    public void An_update_is_told(string why, string old, string json, string[] expected)
    {
        Assert.NotEmpty(why);
        Assert.Equal(expected, Written.Update("apps/v1/statefulsets", old, json));
    }

    private static string Set(string pod, string rest = "", string label = "b") =>
        "{\"spec\":{" + rest + "\"template\":{\"metadata\":{\"labels\":{\"a\":\"" + label + "\"}},\"spec\":{" + pod + "}},\"selector\":{\"matchLabels\":{\"a\":\"b\"}}}}";
}
