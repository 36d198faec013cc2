using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Controllers.ResourceClaims;
using k8s.Models;
using static Bramble.Controllers.Tests.Some;

namespace Bramble.Controllers.Tests.ResourceClaims;

public sealed class PodClaimTests
{
    /// <summary>The Pod is <c>d/p</c>.</summary>
    /// <param name="wanted">What it calls each claim, and the template ("=": a claim that it names itself).</param>
    /// <param name="named">What its status says of them; without a claim: none is needed.</param>
    /// <param name="own">The claims that it controls: name, "/": of another namespace, and which of the Pod's they are.</param>
    /// <param name="statuses">What is written of those that are made or not needed; null: nothing.</param>
    [Theory]
    [InlineData("none", "", "", "", "", null)]
    [InlineData("it names its own", "gpu=c", "", "", "", null)]
    [InlineData("new", "gpu:t", "", "", "make gpu t", "gpu new-gpu")]
    [InlineData("each of its own template", "a:t,b:u", "", "", "make a t; make b u", "a new-a,b new-b")]
    [InlineData("two of one template", "a:t,b:t", "", "", "make a t; make b t", "a new-a,b new-b")]
    [InlineData("only those of templates", "a=c,b:t", "", "", "make b t", "b new-b")]
    [InlineData("made, and said so", "gpu:t", "gpu c", "c gpu", "made gpu c", null)]
    [InlineData("made, and nobody said so", "gpu:t", "", "c gpu", "made gpu c", "gpu c")]
    [InlineData("said, and the annotation is lost", "gpu:t", "gpu c", "c", "made gpu c", null)]
    [InlineData("said, and the annotation is another's", "gpu:t", "gpu c", "c net", "made gpu c", null)]
    [InlineData("what is said wins over what was made besides", "gpu:t", "gpu b", "a gpu,b gpu", "made gpu b", null)]
    [InlineData("of two that were made the first", "gpu:t", "", "a gpu,b gpu", "made gpu a", "gpu a")]
    [InlineData("made for another claim of the Pod", "gpu:t", "", "c net", "make gpu t", "gpu new-gpu")]
    [InlineData("its own, but not made of a template", "gpu:t", "", "c", "make gpu t", "gpu new-gpu")]
    [InlineData("said, and it is gone: anew", "gpu:t", "gpu c", "", "make gpu t", "gpu new-gpu")]
    [InlineData("said, it is gone, and another was made", "gpu:t", "gpu c", "d gpu", "made gpu d", "gpu d")]
    [InlineData("of another namespace, whomever it names", "gpu:t", "gpu c", "/c gpu", "make gpu t", "gpu new-gpu")]
    [InlineData("somebody decided that none is needed", "gpu:t", "gpu", "", "none gpu", null)]
    [InlineData("none is needed, though one was made", "gpu:t", "gpu", "c gpu", "none gpu", null)]
    [InlineData("one is not needed, one is new", "a:t,b:t", "a", "", "none a; make b t", "a,b new-b")]
    [InlineData("one was said, one is new", "a:t,b:t", "a x", "x a", "made a x; make b t", "a x,b new-b")]
    [InlineData("said in another order", "a:t,b:t", "b y,a x", "x a,y b", "made a x; made b y", null)]
    [InlineData("what somebody says of a claim that the Pod names itself is his", "gpu=c,a:t", "gpu c,a x", "x a", "made a x", null)]
    public void Decide(string because, string wanted, string named, string own, string expected, string? statuses)
    {
        Assert.NotEmpty(because);
        var pod = Model<V1Pod>($$$"""
            {"metadata":{"name":"p","namespace":"d","uid":"u"},"spec":{"containers":[],"resourceClaims":[{{{Join(wanted, w => w.Contains('=')
                ? $"{{\"name\":\"{w.Split('=')[0]}\",\"resourceClaimName\":\"{w.Split('=')[1]}\"}}" : $"{{\"name\":\"{w.Split(':')[0]}\",\"resourceClaimTemplateName\":\"{w.Split(':')[1]}\"}}")}}}]},
             "status":{"resourceClaimStatuses":[{{{Join(named, Status)}}}]} }
            """);
        var claims = PodClaim.Decide(pod, [.. Split(own).Select(Claim)]);
        Assert.Equal(expected, string.Join("; ", claims.Select(Text)));
        var after = claims.Select(c => c is PodClaim.Make make ? new PodClaim.Made(make.Name, "new-" + make.Name) : c).ToList();
        Assert.Equal(statuses is null ? null : $"[{Join(statuses, Status)}]", PodClaim.Statuses(pod, after)?.ToJsonString());
    }

    [Fact]
    public void A_Pod_without_a_status_is_told_of_its_claims()
    {
        var pod = Model<V1Pod>("""{"metadata":{"name":"p","namespace":"d","uid":"u"},"spec":{"containers":[],"resourceClaims":[{"name":"gpu","resourceClaimTemplateName":"t"}]}}""");
        Assert.Equal("make gpu t", Text(Assert.Single(PodClaim.Decide(pod, []))));
        Assert.Equal("""[{"name":"gpu","resourceClaimName":"c"}]""", PodClaim.Statuses(pod, [new PodClaim.Made("gpu", "c")])?.ToJsonString());
    }

    [Theory]
    [InlineData("waits", "Pending", false, true)]
    [InlineData("runs", "Running", false, true)]
    [InlineData("goes", "Running", true, false)]
    [InlineData("has ended well", "Succeeded", false, false)]
    [InlineData("has ended badly", "Failed", false, false)]
    [InlineData("has ended and goes", "Failed", true, false)]
    public void Who_wants_claims(string because, string phase, bool isGoing, bool expected)
    {
        Assert.NotEmpty(because);
        Assert.Equal(expected, PodClaim.IsWantedBy(Pod("p", phase, isBeingDeleted: isGoing)));
    }

    /// <param name="template">Its spec; null: it is not there.</param>
    /// <param name="expected">Labels, annotations and spec; else what is wrong.</param>
    [Theory]
    [InlineData("plain", """{"spec":{"devices":{}}}""", """null {"resource.kubernetes.io/pod-claim-name":"gpu"} {"devices":{}}""")]
    [InlineData("with labels and annotations", """{"metadata":{"labels":{"l":"1"},"annotations":{"a":"2"}},"spec":{"devices":{}}}""",
        """{"l":"1"} {"a":"2","resource.kubernetes.io/pod-claim-name":"gpu"} {"devices":{}}""")]
    [InlineData("the annotation is ours", """{"metadata":{"annotations":{"resource.kubernetes.io/pod-claim-name":"x"}},"spec":{}}""", """null {"resource.kubernetes.io/pod-claim-name":"gpu"} {}""")]
    [InlineData("gone", null, "resource claim template \"t\": resourceclaimtemplate.resource.k8s.io \"t\" not found")]
    public void Of_a_template(string because, string? template, string expected)
    {
        Assert.NotEmpty(because);
        var found = template is null ? null : Object($$$"""{"metadata":{"name":"t","namespace":"d"},"spec":{{{template}}} }""");
        string actual;
        try
        {
            var body = ClaimOfTemplate.Body(Object("""{"metadata":{"name":"p","namespace":"d","uid":"u"}}"""), new PodClaim.Make("gpu", "t"), found);
            var metadata = body["metadata"]!;
            Assert.Equal(
                """resource.k8s.io/v1 ResourceClaim d p-gpu- [{"apiVersion":"v1","kind":"Pod","name":"p","uid":"u","controller":true}]""",
                $"{body["apiVersion"]} {body["kind"]} {metadata["namespace"]} {metadata["generateName"]} {metadata["ownerReferences"]!.ToJsonString()}");
            actual = $"{metadata["labels"]?.ToJsonString() ?? "null"} {metadata["annotations"]!.ToJsonString()} {body["spec"]!.ToJsonString()}";
        }
        catch (InvalidDataException e)
        {
            actual = e.Message;
        }
        Assert.Equal(expected, actual);
    }

    [Theory]
    [InlineData("short ones", "web", "gpu", "web-gpu-")]
    [InlineData("just short enough", "a-pod-with-a-name-of-forty-characters-001", "claim-of-14-ch", "a-pod-with-a-name-of-forty-characters-001-claim-of-14-ch-")]
    [InlineData("one too long", "a-pod-with-a-name-of-forty-characters-001", "claim-of-15-chr", "a-pod-with-a-name-of-forty-characters-00-claim-of-15-ch")]
    [InlineData("both are long", "a-pod-with-a-name-of-forty-characters-0001", "and-a-claim-of-thirty-chars-01", "a-pod-with-a-name-of-forty-chara-and-a-claim-of-thirty-c")]
    [InlineData("a long Pod's: the claim can still be told", "a-pod-with-a-name-of-sixty-characters-and-a-few-more-for-the-rest", "gpu", "a-pod-with-a-name-of-sixty-characters-and-a-few-more-gp")]
    public void A_name_that_is_too_long_is_cut_on_both_sides(string because, string pod, string claim, string expected)
    {
        Assert.NotEmpty(because);
        var name = ClaimOfTemplate.GenerateName(pod, claim);
        Assert.Equal(expected, name);
        Assert.True(name.Length <= 58);
    }

    /// <summary>For Pod <c>p</c> with the uid <c>u</c>.</summary>
    /// <param name="expected">By whom it is used then; null: nothing is written.</param>
    [Theory]
    [InlineData("without a status", null, null)]
    [InlineData("not allocated: nobody knows yet where it is", "{}", null)]
    [InlineData("not allocated, though used", """{"reservedFor":[{"resource":"pods","name":"q","uid":"v"}]}""", null)]
    [InlineData("allocated", """{"allocation":{}}""", """[{"resource":"pods","name":"p","uid":"u"}]""")]
    [InlineData("allocated, and nobody uses it any more", """{"allocation":{},"reservedFor":[]}""", """[{"resource":"pods","name":"p","uid":"u"}]""")]
    [InlineData("others use it", """{"allocation":{},"reservedFor":[{"resource":"pods","name":"q","uid":"v"}]}""", """[{"resource":"pods","name":"q","uid":"v"},{"resource":"pods","name":"p","uid":"u"}]""")]
    [InlineData("the Pod does already", """{"allocation":{},"reservedFor":[{"resource":"pods","name":"p","uid":"u"}]}""", null)]
    [InlineData("an older Pod of its name did", """{"allocation":{},"reservedFor":[{"resource":"pods","name":"p","uid":"old"}]}""", """[{"resource":"pods","name":"p","uid":"old"},{"resource":"pods","name":"p","uid":"u"}]""")]
    public void Reserve(string because, string? status, string? expected)
    {
        Assert.NotEmpty(because);
        var claim = Tree("""{"metadata":{"name":"c","resourceVersion":"7"}}""");
        if (status is not null) claim["status"] = Tree(status);
        var reserved = ClaimReservation.Decide(claim, Object("""{"metadata":{"name":"p","namespace":"d","uid":"u"}}"""));
        Assert.Equal(expected, reserved?["status"]!["reservedFor"]!.ToJsonString());
        if (reserved is not null) Assert.Equal("7", (string?)reserved["metadata"]!["resourceVersion"]);
    }

    [Theory]
    [InlineData(255, 256)]
    [InlineData(256, null)]
    [InlineData(257, null)]
    public void More_than_can_use_a_claim_are_not_written_down(int used, int? expected)
    {
        var claim = Tree("""{"metadata":{"name":"c"},"status":{"allocation":{}}}""");
        claim["status"]!["reservedFor"] = new JsonArray([.. Enumerable.Range(0, used).Select(i => (JsonNode)new JsonObject { ["resource"] = "pods", ["name"] = $"q{i}", ["uid"] = $"v{i}" })]);
        Assert.Equal(expected, ClaimReservation.Decide(claim, Object("""{"metadata":{"name":"p","namespace":"d","uid":"u"}}"""))?["status"]!["reservedFor"]!.AsArray().Count);
    }

    private static string Text(PodClaim claim) => claim switch
    {
        PodClaim.None => $"none {claim.Name}",
        PodClaim.Made(_, var made) => $"made {claim.Name} {made}",
        PodClaim.Make(_, var template) => $"make {claim.Name} {template}",
        _ => "?",
    };

    private static string Status(string text) => text.Split(' ') is [var name, var claim] ? $"{{\"name\":\"{name}\",\"resourceClaimName\":\"{claim}\"}}" : $"{{\"name\":\"{text}\"}}";

    private static Resourcev1ResourceClaim Claim(string text)
    {
        var words = text.Split(' ');
        return new()
        {
            Metadata = new V1ObjectMeta
            {
                Name = words[0].TrimStart('/'),
                NamespaceProperty = text[0] == '/' ? "other" : "d",
                Annotations = words is [_, var of] ? new Dictionary<string, string> { ["resource.kubernetes.io/pod-claim-name"] = of } : null,
            },
        };
    }

    private static string[] Split(string text) => text.Split(',', StringSplitOptions.RemoveEmptyEntries);

    private static string Join(string text, Func<string, string> each) => string.Join(',', Split(text).Select(each));

    private static KubeObject Object(string json) => KubeObject.Parse(System.Text.Encoding.UTF8.GetBytes(json));
}
