using System.Text;
using Bramble.Api.Decoding;

namespace Bramble.Api.Tests.Decoding;

/// <summary>Where Go's emitter breaks long lines.</summary>
public class YamlTextTests
{
    [Theory]
    [InlineData("""{"a":"short text"}""", "a: short text\n")]
    [InlineData(
        """{"message":"only the following media types are accepted: application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch"}""",
        "message: 'only the following media types are accepted: application/json;stream=watch,\n  application/vnd.kubernetes.protobuf;stream=watch'\n")]
    [InlineData(
        """{"l":["aaaaaaaaa bbbbbbbbb ccccccccc ddddddddd eeeeeeeee fffffffff ggggggggg hhhhhhhhh iiiiiiiii"]}""",
        "l:\n- aaaaaaaaa bbbbbbbbb ccccccccc ddddddddd eeeeeeeee fffffffff ggggggggg hhhhhhhhh\n  iiiiiiiii\n")]
    [InlineData(
        """{"m":{"k":"aaaaaaaaa bbbbbbbbb ccccccccc ddddddddd eeeeeeeee fffffffff ggggggggg hhhhhhhhhhhhh"}}""",
        "m:\n  k: aaaaaaaaa bbbbbbbbb ccccccccc ddddddddd eeeeeeeee fffffffff ggggggggg hhhhhhhhhhhhh\n")]
    public void Long_text_is_folded_behind_column_80(string json, string yaml) => Assert.Equal(yaml, Encoding.UTF8.GetString(YamlText.From(Encoding.UTF8.GetBytes(json))));
}
