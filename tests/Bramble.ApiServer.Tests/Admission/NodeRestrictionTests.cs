using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.ApiServer.Admission;
using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Authorization;

namespace Bramble.ApiServer.Tests.Admission;

/// <summary>What the mirror pods of a node may not name.</summary>
public class NodeRestrictionTests
{
    [Theory]
    [InlineData("""{"volumes":[{"name":"a","emptyDir":{}},{"name":"b","projected":{"sources":[{"downwardAPI":{}}]}}]}""", "")]
    [InlineData("""{"serviceAccountName":"a"}""", "serviceaccounts")]
    [InlineData("""{"volumes":[{"name":"a","secret":{"secretName":"s"}}]}""", "secrets")]
    [InlineData("""{"volumes":[{"name":"a","secret":{}}]}""", "secrets (via secret volumes)")]
    [InlineData("""{"containers":[{"name":"c","envFrom":[{"configMapRef":{"name":"m"}}]}],"resourceClaims":[{"name":"r"}]}""", "configmaps")]
    [InlineData("""{"resourceClaims":[{"name":"r"}],"volumes":[{"name":"a","csi":{"driver":"d"}}]}""", "resourceclaims")]
    [InlineData("""{"volumes":[{"name":"a","csi":{"driver":"d"}}]}""", "csidrivers (via CSI volumes)")]
    [InlineData("""{"volumes":[{"name":"a","persistentVolumeClaim":{"claimName":"c"}}]}""", "persistentvolumeclaims")]
    [InlineData("""{"volumes":[{"name":"a","ephemeral":{}}]}""", "persistentvolumeclaims (via ephemeral volumes)")]
    [InlineData("""{"volumes":[{"name":"a","projected":{"sources":[{"downwardAPI":{}},{"serviceAccountToken":{"path":"t"}}]}}]}""", "serviceaccounts (via projected volumes)")]
    [InlineData("""{"volumes":[{"name":"a","projected":{"sources":[{"podCertificate":{}}]}}]}""", "podcertificates")]
    public async Task Mirror_pods_name_no_other_objects(string spec, string kind)
    {
        var pod = JsonNode.Parse($$"""
            {"metadata":{"name":"p","namespace":"n","annotations":{"kubernetes.io/config.mirror":"x"},
             "ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"a","uid":"u","controller":true}]},"spec":{{spec}}}
            """)!.AsObject();
        pod["spec"]!["nodeName"] = "a";
        var request = new AdmissionRequest
        {
            Operation = AdmissionOperation.Create,
            Kind = new("", "v1", "Pod"),
            Resource = new("", "pods"),
            Version = "v1",
            Namespace = "n",
            Name = "p",
            User = new UserInfo("system:node:a", ["system:nodes"]),
            Object = pod,
            Reader = new FixedReader().With("", "nodes", """{"metadata":{"name":"a","uid":"u"}}"""),
        };
        var plugin = new NodeRestriction(new Nobody());
        Assert.True(plugin.Handles(request));
        var told = "";
        try
        {
            await plugin.MutateAsync(request, default);
        }
        catch (StatusException e)
        {
            told = e.Message;
        }

        Assert.Equal(kind.Length == 0 ? "" : $"pods \"p\" is forbidden: node \"a\" can not create pods that reference {kind}", told);
    }

    private sealed class Nobody : IAuthorizer
    {
        public AccessAnswer Authorize(AccessAttributes attributes) => default;
    }
}
