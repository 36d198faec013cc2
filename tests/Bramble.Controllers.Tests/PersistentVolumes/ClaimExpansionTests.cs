using Bramble.Controllers.PersistentVolumes;
using k8s.Models;
using static Bramble.Controllers.Tests.Some;

namespace Bramble.Controllers.Tests.PersistentVolumes;

public sealed class ClaimExpansionTests
{
    [Theory]
    [InlineData("it asks for more", "2Gi", "1Gi", "u", "", true)]
    [InlineData("it has what it asks for", "1Gi", "1Gi", "u", "", false)]
    [InlineData("it has more", "1Gi", "2Gi", "u", "", false)]
    [InlineData("the same in another notation", "1024Mi", "1Gi", "u", "", false)]
    [InlineData("the volume is another claim's", "2Gi", "1Gi", "other", "", false)]
    [InlineData("half way", "1Gi", "1Gi", "u", "\"volume.alpha.kubernetes.io/pre-resize-capacity\":\"1Gi\"", true)]
    public void Which_claims_wait_for_a_resizer(string because, string wanted, string had, string claimed, string annotations, bool waits)
    {
        Assert.NotEmpty(because);
        var claim = Model<V1PersistentVolumeClaim>($$$"""{"metadata":{"name":"c","namespace":"d","uid":"u"},"spec":{"resources":{"requests":{"storage":"{{{wanted}}}"} } },"status":{"capacity":{"storage":"{{{had}}}"} } }""");
        var volume = Model<V1PersistentVolume>($$$"""{"metadata":{"name":"v","annotations":{ {{{annotations}}} } },"spec":{"claimRef":{"uid":"{{{claimed}}}"} } }""");
        Assert.Equal(waits, ClaimExpansionController.Waits(claim, volume));
    }
}
