namespace Ferry.Tests.Support;

/// <summary>Which way bytes go through a <see cref="FlakyLink"/>.</summary>
public enum LinkDirection
{
    ToServer,
    ToClient,
}
