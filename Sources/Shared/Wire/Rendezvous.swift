/// Rendezvous (highest random weight) hashing: which of several instances owns a pod.
/// When one leaves, only its own share moves; when it returns, the same share comes back.
public enum Rendezvous {
  /// The owner of `uid` among `instances`, or nil when there are none.
  public static func owner(of uid: String, among instances: some Sequence<String>) -> String? {
    instances.max { a, b in
      let (weightA, weightB) = (weight(a, uid), weight(b, uid))
      return weightA == weightB ? a < b : weightA < weightB
    }
  }

  // FNV-1a spreads badly in its high bits for inputs that differ in few octets, hence
  // the final mixing (splitmix64's).
  private static func weight(_ instance: String, _ uid: String) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    instance.utf8.forEach(add)
    add(0)
    uid.utf8.forEach(add)
    hash = (hash ^ (hash >> 30)) &* 0xbf58_476d_1ce4_e5b9
    hash = (hash ^ (hash >> 27)) &* 0x94d0_49bb_1331_11eb
    return hash ^ (hash >> 31)
  }
}

/// Who shares the work now.
struct Shares {
  /// Those who are there.
  var all: [String] = []
  /// Those among them who are to have no share as long as there are others.
  var leftOut: Set<String> = []

  /// Those who have a share.
  var owners: [String] {
    let others = all.filter { !leftOut.contains($0) }
    return others.isEmpty ? all : others
  }

  func owner(of uid: String) -> String? { Rendezvous.owner(of: uid, among: owners) }
}
