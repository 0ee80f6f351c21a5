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

    /// Its name's octets.
    var name: UnsafeRawBufferPointer { UnsafeRawBufferPointer(text: object.pointee.name) }

    /// Those that have a name and a value.
    var attributes: Attributes { Attributes(rest: object.pointee.attributes) }

    /// All of its attributes have a name and a value.
    var isWhole: Bool {
      var next = object.pointee.attributes
      while let attribute = next {
        if attribute.pointee.name == nil || attribute.pointee.value == nil { return false }
        next = attribute.pointee.next
      }
      return true
    }
  }

  /// The octets of one attribute, in libpbs's memory.
  struct Attribute {
    let name: UnsafeRawBufferPointer
    let resource: UnsafeRawBufferPointer?
    let value: UnsafeRawBufferPointer
  }

  struct Attributes: Sequence, IteratorProtocol {
    fileprivate var rest: UnsafeMutablePointer<pbs_attribute>?

    mutating func next() -> Attribute? {
      while let attribute = rest?.pointee {
        rest = attribute.next
        guard attribute.name != nil, attribute.value != nil else { continue }
        return Attribute(
          name: UnsafeRawBufferPointer(text: attribute.name),
          resource: attribute.resource.map { UnsafeRawBufferPointer(text: $0) },
          value: UnsafeRawBufferPointer(text: attribute.value))
      }
      return nil
    }
  }
}

extension UnsafeRawBufferPointer {
  /// The octets of a C text without its end; none of NULL.
  fileprivate init(text: UnsafePointer<CChar>?) {
    self.init(start: text, count: text.map { strlen($0) } ?? 0)
  }

  fileprivate init(text: UnsafeMutablePointer<CChar>?) {
    self.init(text: UnsafePointer(text))
  }
}
