using Bramble.Api.Selectors;

namespace Bramble.Api.Tests.Selectors;

public sealed class FieldSelectorTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("metadata.name=a", "metadata.name=a")]
    [InlineData("z!=1,a==2", "a=2,z!=1")]
    [InlineData("a=x\\,y\\=z\\\\", "a=x\\,y\\=z\\\\")]
    public void Selectors_print_as_they_are_understood(string text, string printed) => Assert.Equal(printed, FieldSelector.Parse(text).ToString());

    [Theory]
    [InlineData("abc", "invalid selector: 'abc'; can't understand 'abc'")]
    [InlineData("a=b=c", "invalid field selector: unescaped character in value: 61")]
    [InlineData("a=b\\c", "invalid field selector: invalid escape sequence: \\c")]
    [InlineData("a=b\\", "invalid field selector: invalid escape sequence: \\")]
    public void Errors_are_upstreams(string text, string error) => Assert.Equal(error, Assert.Throws<FormatException>(() => FieldSelector.Parse(text)).Message);

    [Fact]
    public void Absent_fields_are_empty()
    {
        var selector = FieldSelector.Parse("spec.nodeName=,status.phase!=Failed");
        Assert.True(selector.Matches(_ => null));
        Assert.False(selector.Matches(field => field == "spec.nodeName" ? "n1" : null));
        Assert.Equal("", selector.RequiredValue("spec.nodeName"));
        Assert.Null(selector.RequiredValue("status.phase"));
    }
}
