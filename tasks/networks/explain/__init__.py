"""What a network looks at: class activation maps, feature maps, and what activates its channels."""
