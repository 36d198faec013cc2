using Bramble.Api.Errors;
using Bramble.ApiServer.Serving;

namespace Bramble.ApiServer.Tests.Serving;

/// <summary>What an Accept header gets.</summary>
public class MediaTypesTests
{
    private const string ClientGo =
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

    [Theory]
    [InlineData("what client-go sends", ClientGo, "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")]
    [InlineData("a version that is gone falls back", "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json", "application/json")]
    [InlineData("a browser", "text/html,*/*;q=0.8", "application/json")]
    public void Discovery_is_shown_as_asked(string name, string accept, string contentType) =>
        Assert.True(MediaTypes.Negotiate(accept, mayStream: false, Transforms.Discovery, hasProtobuf: true).ContentType == contentType, name);

    [Fact]
    public void An_unknown_version_of_discovery_alone_is_not_acceptable()
    {
        var refused = Assert.Throws<StatusException>(() =>
            MediaTypes.Negotiate("application/json;g=apidiscovery.k8s.io;v=v9;as=APIGroupDiscoveryList", mayStream: false, Transforms.Discovery, hasProtobuf: true));
        Assert.Equal(406, refused.Status.Code);
    }

    [Theory]
    [InlineData("application/json;as=Table;v=v1;g=meta.k8s.io", "Table")]
    [InlineData("application/json;as=PartialObjectMetadata;v=v1beta1;g=meta.k8s.io", "PartialMetadata")]
    [InlineData("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", "Table")]
    [InlineData("application/json;as=Table;v=v9;g=meta.k8s.io,application/json", "None")]
    [InlineData("application/json;v=v1;g=meta.k8s.io", null)]
    [InlineData("application/json;g=meta.k8s.io", null)]
    [InlineData("application/json;as=PartialObjectMetadata;v=v1;g=k8s.io", null)]
    [InlineData("application/json;as=PartialObject;v=v1;g=meta.k8s.io", null)]
    [InlineData("application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io", null)]
    [InlineData("application/json;stream=watch", "None")]
    [InlineData("application/json;stream=other", null)]
    public void An_object_is_shown_as_asked_or_not_at_all(string accept, string? transform)
    {
        string? shown = null;
        var refusal = Record.Exception(() => shown = MediaTypes.Negotiate(accept, mayStream: true, Transforms.Objects, hasProtobuf: true).Transform.ToString());
        Assert.Equal((transform, transform is null ? 406 : null), (shown, (refusal as StatusException)?.Status.Code));
    }

    [Theory]
    [InlineData("", "Json")]
    [InlineData("application/yaml", "Yaml")]
    [InlineData("application/json;as=Table;v=v1;g=meta.k8s.io", "Json")]
    [InlineData("text/html", "Json")]
    public void A_refusal_is_written_as_asked_or_as_JSON(string accept, string format) => Assert.Equal(format, MediaTypes.OfError(accept).ToString());
}
