using System.Text;
using k8s.Models;

namespace Bramble.Client.Tests;

public sealed class ModelJsonTests
{
    [Fact]
    public void A_model_keeps_no_managedFields_and_all_else()
    {
        var pod = ModelJson.Read<V1Pod>(Encoding.UTF8.GetBytes("""
            {"metadata":{"name":"p","managedFields":[{"manager":"kubectl","operation":"Update","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:containers":{} } } }],"labels":{"a":"b"} },
             "spec":{"nodeName":"n","containers":[{"name":"c","image":"i"}]} }
            """));
        Assert.Null(pod.Metadata.ManagedFields);
        Assert.Equal(("p", "b", "n", "i"), (pod.Metadata.Name, pod.Metadata.Labels["a"], pod.Spec.NodeName, pod.Spec.Containers[0].Image));
        Assert.Equal("""{"metadata":{"labels":{"a":"b"},"name":"p"},"spec":{"containers":[{"image":"i","name":"c"}],"nodeName":"n"}}""", ModelJson.ToTree(pod).ToJsonString());
    }
}
