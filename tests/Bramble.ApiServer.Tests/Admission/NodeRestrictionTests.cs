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

    /// <summary>KEP-4412: the volumes of the pod, what the node asks for, the refusal (empty: none).</summary>
    [Theory]
    [InlineData("""[{"name":"t","projected":{"sources":[{"serviceAccountToken":{"path":"t"}}]}}]""", "[]", "")]
    [InlineData("""[{"name":"t","projected":{"sources":[{"serviceAccountToken":{"path":"t","audience":"vault"}}]}}]""", """["vault"]""", "")]
    [InlineData("""[{"name":"t","projected":{"sources":[{"serviceAccountToken":{"path":"t"}}]}}]""", """["a","b"]""", "node may only request 0 or 1 audiences")]
    [InlineData("[]", """["vault"]""", "audience \"vault\" not found in pod spec volume, system:node:a is not authorized to request tokens for this audience")]
    [InlineData("""[{"name":"v","csi":{"driver":"d"}}]""", """["vault"]""", "")]
    [InlineData("""[{"name":"v","csi":{"driver":"d"}}]""", """["other"]""", "audience \"other\" not found in pod spec volume, system:node:a is not authorized to request tokens for this audience")]
    [InlineData("""[{"name":"v","persistentVolumeClaim":{"claimName":"bound"}}]""", """["vault"]""", "")]
    [InlineData("""[{"name":"v","ephemeral":{"volumeClaimTemplate":{}}}]""", """["vault"]""", "")]
    [InlineData("""[{"name":"v","csi":{"driver":"gone"}},{"name":"w","csi":{"driver":"d"}}]""", """["vault"]""", "")]
    [InlineData("""[{"name":"v","csi":{"driver":"gone"}}]""", """["vault"]""", "error validating audience \"vault\": csidriver.storage.k8s.io \"gone\" not found")]
    [InlineData("""[{"name":"v","persistentVolumeClaim":{"claimName":"no"}},{"name":"w","persistentVolumeClaim":{"claimName":"lost"}}]""", """["vault"]""",
        "error validating audience \"vault\": [persistentvolumeclaim \"no\" not found, persistentvolume \"none\" not found]")]
    public async Task A_node_asks_for_tokens_to_audiences_that_its_pod_has(string volumes, string audiences, string refusal)
    {
        var request = new AdmissionRequest
        {
            Operation = AdmissionOperation.Create,
            Kind = new("authentication.k8s.io", "v1", "TokenRequest"),
            Resource = new("", "serviceaccounts"),
            Subresource = "token",
            Version = "v1",
            Namespace = "n",
            Name = "s",
            User = new UserInfo("system:node:a", ["system:nodes"]),
            Object = JsonNode.Parse($$$"""{"spec":{"audiences":{{{audiences}}},"boundObjectRef":{"apiVersion":"v1","kind":"Pod","name":"p","uid":"u"} } }""")!.AsObject(),
            Reader = new FixedReader()
                .With("", "pods", $$$"""{"metadata":{"name":"p","namespace":"n","uid":"u"},"spec":{"nodeName":"a","volumes":{{{volumes}}} } }""")
                .With("", "persistentvolumeclaims", """{"metadata":{"name":"bound","namespace":"n"},"spec":{"volumeName":"v1"}}""")
                .With("", "persistentvolumeclaims", """{"metadata":{"name":"p-v","namespace":"n"},"spec":{"volumeName":"v1"}}""")
                .With("", "persistentvolumeclaims", """{"metadata":{"name":"lost","namespace":"n"},"spec":{"volumeName":"none"}}""")
                .With("", "persistentvolumes", """{"metadata":{"name":"v1"},"spec":{"csi":{"driver":"d"}}}""")
                .With("storage.k8s.io", "csidrivers", """{"metadata":{"name":"d"},"spec":{"tokenRequests":[{"audience":"vault"}]}}"""),
        };
        var told = "";
        try
        {
            await new NodeRestriction(new Nobody()).MutateAsync(request, default);
        }
        catch (StatusException e)
        {
            told = e.Message;
        }

        Assert.Equal(refusal.Length == 0 ? "" : $"serviceaccounts \"s\" is forbidden: {refusal}", told);
    }

    private sealed class Nobody : IAuthorizer
    {
        public AccessAnswer Authorize(AccessAttributes attributes) => default;
    }
}
