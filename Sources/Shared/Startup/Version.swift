/// The connector's version, of all three processes.
public enum Version {
  public static let text = "0.1.0"
}
