import CPBS
import Glibc

/// Objects that libpbs has told of, in its memory, freed with this.
final class PBSObjects: Sequence {
  private let first: UnsafeMutablePointer<pbs_object>?

  init(first: UnsafeMutablePointer<pbs_object>?) {
    self.first = first
  }

  deinit {
    pbs_library_free(first)
  }

  func makeIterator() -> AnyIterator<Item> {
    var next = first
    return AnyIterator { [self] in
      guard let object = next else { return nil }
      next = object.pointee.next
      return Item(object: object, owner: self)
    }
  }

  /// One object.
  struct Item {
    fileprivate let object: UnsafeMutablePointer<pbs_object>
    fileprivate let owner: PBSObjects

    var name: String { object.pointee.name.map { String(cString: $0) } ?? "" }

    /// Its texts, those that are not UTF-8 repaired.
    var text: PBSText.Object {
      var text = PBSText.Object(name: name, isWhole: true)
      for attribute in attributes {
        guard let name = attribute.name, let value = attribute.value else {
          text.isWhole = false
          continue
        }
        let full =
          attribute.resource.map { "\(String(cString: name)).\(String(cString: $0))" }
          ?? String(cString: name)
        if text.attributes[full] == nil { text.attributes[full] = String(cString: value) }
      }
      return text
    }

    /// A number that differs, all but certainly, when anything of it does. Only good within this
    /// process.
    /// - Parameter unimportant: an attribute that does not count.
    func fingerprint(without unimportant: String) -> Int {
      var hasher = Hasher()
      for attribute in attributes {
        if let name = attribute.name, strcmp(name, unimportant) == 0 { continue }
        for text in [attribute.name, attribute.resource, attribute.value] {
          guard let text else { continue }
          hasher.combine(bytes: UnsafeRawBufferPointer(start: text, count: strlen(text)))
          hasher.combine(0 as UInt8)
        }
      }
      return hasher.finalize()
    }

    /// An attribute that is a number; nil when it is none.
    func number(_ name: String) -> Int? {
      for attribute in attributes {
        guard let found = attribute.name, strcmp(found, name) == 0, let value = attribute.value
        else { continue }
        return Int(String(cString: value))
      }
      return nil
    }

    private var attributes: some Sequence<pbs_attribute> {
      sequence(first: object.pointee.attributes) { $0?.pointee.next }
        .lazy.prefix { $0 != nil }.compactMap { $0?.pointee }
    }
  }
}
