using Bramble.ApiServer.Aggregation;
using Bramble.ApiServer.CustomResources;

namespace Bramble.ApiServer.Tests.Aggregation;

public sealed class AutoRegistrationTests
{
    private const string Managed = """{"kube-aggregator.kubernetes.io/automanaged":"true"}""";

    [Fact]
    public void Served_versions_of_definitions_are_registered()
    {
        var (create, update, delete) = AutoRegistration.Decide([Widgets("False")], []);
        Assert.Empty(update);
        Assert.Equal(
            ["""{"apiVersion":"apiregistration.k8s.io/v1","kind":"APIService","metadata":{"name":"v1.w.example.com","labels":{"kube-aggregator.kubernetes.io/automanaged":"true"}},"spec":{"group":"w.example.com","version":"v1","groupPriorityMinimum":1000,"versionPriority":100}}"""],
            create.Select(service => service.ToJsonString()));
        Assert.Empty(delete);
    }

    [Fact]
    public void What_is_there_stays_as_it_is_and_what_no_definition_needs_goes_if_it_was_made_here()
    {
        var (create, update, delete) = AutoRegistration.Decide(
            [Widgets("True")],
            [
                RemoteServices.Object(RemoteServices.Json("v1.w.example.com")),
                RemoteServices.Object(RemoteServices.Json("v1.old.example.com", "", Managed)),
                RemoteServices.Object(RemoteServices.Json("v1.wardle.example.com")),
                RemoteServices.Object(RemoteServices.Json("v1.apps", "", """{"kube-aggregator.kubernetes.io/automanaged":"onstart"}""")),
            ]);
        Assert.Empty(create);
        Assert.Empty(update);
        Assert.Equal(["v1.old.example.com"], delete);
    }

    [Fact]
    public void What_somebody_changed_is_as_before_unless_it_was_made_a_users_own()
    {
        var (create, update, delete) = AutoRegistration.Decide([Widgets("True")], [RemoteServices.Object(RemoteServices.Json("v1.w.example.com", labels: Managed))]);
        Assert.Empty(create);
        Assert.Empty(delete);
        Assert.Equal("""{"group":"w.example.com","version":"v1","groupPriorityMinimum":1000,"versionPriority":100}""", Assert.Single(update)["spec"]!.ToJsonString());
    }

    private static Definition Widgets(string established) => Of("widgets", "w.example.com", established);

    private static Definition Of(string plural, string group, string established) => new(RemoteServices.Object(
        $$$"""{"metadata":{"name":"{{{plural}}}.{{{group}}}"},"spec":{"group":"{{{group}}}","names":{"plural":"{{{plural}}}"},"versions":[{"name":"v1","served":true},{"name":"v2","served":false}]},"status":{"conditions":[{"type":"Established","status":"{{{established}}}"}]}}"""));
}
