using Bramble.Api.Naming;
using Bramble.Controllers.Disruption;
using k8s.Models;
using static Bramble.Controllers.Tests.Some;

namespace Bramble.Controllers.Tests.Disruption;

public sealed class PodBudgetsTests
{
    private const string OfA = """{"matchLabels":{"app":"a"}}""";
    private const string OfB = """{"matchLabels":{"app":"b"}}""";
    private const string HasApp = """{"matchExpressions":[{"key":"app","operator":"Exists"}]}""";
    private const string NotA = """{"matchExpressions":[{"key":"app","operator":"NotIn","values":["a"]}]}""";

    /// <param name="selectors">Of the budgets "0", "1" and so on, by semicolons; "-": none.</param>
    /// <param name="old">The Pod's label app; "": it has no labels; null: there was no Pod.</param>
    /// <param name="now">The same; null: there is none any longer.</param>
    /// <param name="concerned">Budgets whose numbers may be others.</param>
    /// <param name="ofPod">Budgets that the Pod is one of.</param>
    [Theory]
    [InlineData("no budgets", "", null, "a", "", "")]
    [InlineData("a new Pod", OfA + ";" + OfB, null, "a", "0", "0")]
    [InlineData("a changed Pod", OfA + ";" + OfB, "a", "a", "0", "0")]
    [InlineData("a Pod that is gone", OfA + ";" + OfB, "a", null, "0", "")]
    [InlineData("a Pod that is another's now", OfA + ";" + OfB, "a", "b", "0 1", "1")]
    [InlineData("a Pod that is nobody's now", OfA + ";" + OfB, "a", "c", "0", "")]
    [InlineData("a Pod of nobody", OfA + ";" + OfB, "c", "d", "", "")]
    [InlineData("a Pod without labels", OfA + ";" + HasApp, null, "", "", "")]
    [InlineData("one that lost its labels", OfA, "a", "", "0", "")]
    [InlineData("an empty selector has all", "{}", null, "", "0", "0")]
    [InlineData("no selector has none", "-", "a", "a", "", "")]
    [InlineData("by expression", HasApp + ";" + NotA, null, "a", "0", "0")]
    [InlineData("by an expression that asks for no label", NotA, null, "", "0", "0")]
    [InlineData("several", OfA + ";" + HasApp, null, "a", "0 1", "0 1")]
    [InlineData("several before, one now", OfA + ";" + HasApp, "a", "b", "0 1", "1")]
    [InlineData("several, and it is gone", OfA + ";" + HasApp, "a", null, "0 1", "")]
    [InlineData("a selector that is none, beside one that is", """{"matchExpressions":[{"key":"app","operator":"Is"}]};""" + OfA, "a", "a", "1", "1")]
    [InlineData("a label that can be nobody's", """{"matchLabels":{"app":"no value/"}};""" + OfA, "a", "a", "1", "1")]
    public void Of(string because, string selectors, string? old, string? now, string concerned, string ofPod)
    {
        Assert.NotEmpty(because);
        var budgets = selectors.Split(';', StringSplitOptions.RemoveEmptyEntries)
            .Select((selector, i) => Tree($$$"""{"metadata":{"name":"{{{i}}}"},"spec":{ {{{(selector == "-" ? "" : $"\"selector\":{selector}")}}} } }"""));
        var found = PodBudgets.Of(budgets, PodOf(old), PodOf(now));
        Assert.Equal((concerned, ofPod), (string.Join(' ', found.Concerned), string.Join(' ', found.OfPod)));

        static V1Pod? PodOf(string? app) =>
            app is null ? null : app.Length == 0 ? Model<V1Pod>("""{"metadata":{"name":"p","namespace":"d"}}""") : Pod("p", labels: $"\"app\":\"{app}\"");
    }

    [Theory]
    [InlineData("", null)]
    [InlineData("b", null)]
    [InlineData("b,c", "Pod \"d\"/\"p\" matches multiple PodDisruptionBudgets.  Chose \"b\" arbitrarily.")]
    [InlineData("c,b,a", "Pod \"d\"/\"p\" matches multiple PodDisruptionBudgets.  Chose \"c\" arbitrarily.")]
    public void A_Pod_of_several_is_not_evicted(string budgets, string? expected) =>
        Assert.Equal(expected, new PodBudgets([], [.. budgets.Split(',', StringSplitOptions.RemoveEmptyEntries)]).WhyNotEvicted(new NamespacedName("d", "p")));
}
