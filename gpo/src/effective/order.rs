//! In which order the GPOs of a place in Active Directory apply.
//!
//! Weakest first, as Windows applies them: what comes later wins. `docs/effective.md` has the evidence for each rule.

/// A site, a domain or an organizational unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    /// Distinguished name.
    pub dn: String,
    /// `gPLink`, in the order of the attribute.
    pub links: Vec<Link>,
    /// `gPOptions` bit 0: links of containers above are not inherited.
    pub blocks: bool,
}

/// A link in a container's `gPLink`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Distinguished name of the GPO.
    pub gpo: String,
    /// Bit 0: the link is switched off.
    pub disabled: bool,
    /// Bit 1: no container below blocks it or wins over it.
    pub enforced: bool,
}

/// A link and the place it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed<'a> {
    /// The container that has it.
    pub container: &'a Container,
    /// The link.
    pub link: &'a Link,
    /// Its number in that container as GPMC counts: 1 wins.
    pub number: usize,
}

/// Why a link counts for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeftOut<'a> {
    /// It is switched off.
    Disabled,
    /// A container below does not inherit.
    Blocked(&'a Container),
}

/// The links that count for whoever is in the last container, weakest first, and those that do not.
///
/// `chain` begins with the outermost container: the site if there is one, the domain, then organizational units down to the
/// closest one.
pub fn order(chain: &[Container]) -> (Vec<Placed<'_>>, Vec<(Placed<'_>, LeftOut<'_>)>) {
    let (mut normal, mut enforced, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    for (depth, container) in chain.iter().enumerate() {
        let blocked_by = chain.iter().skip(depth + 1).find(|below| below.blocks);
        let mut enforced_here = Vec::new();
        for (at, link) in container.links.iter().enumerate() {
            let placed = Placed { container, link, number: container.links.len() - at };
            match blocked_by {
                _ if link.disabled => left_out.push((placed, LeftOut::Disabled)),
                _ if link.enforced => enforced_here.push(placed),
                Some(below) => left_out.push((placed, LeftOut::Blocked(below))),
                None => normal.push(placed),
            }
        }
        // Of enforced links, those of the outermost container win.
        enforced.splice(0..0, enforced_here);
    }
    normal.extend(enforced);
    (normal, left_out)
}

/// Reads a `gPLink`: `[LDAP://<DN of the GPO>;<options>]…`. `None` if it is none.
pub fn links(attribute: &str) -> Option<Vec<Link>> {
    let mut links = Vec::new();
    for part in attribute.trim().split_terminator(']') {
        let (name, options) = part.trim().strip_prefix('[')?.rsplit_once(';')?;
        let scheme = name.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("LDAP://"));
        let options: u32 = options.trim().parse().ok()?;
        links.push(Link {
            gpo: name[scheme.map_or(0, str::len)..].to_owned(),
            disabled: options & 1 != 0,
            enforced: options & 2 != 0,
        });
    }
    Some(links)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `blocks` in front of the links: `A`, `-A` switched off, `!A` enforced, in the order of `gPLink`.
    fn container(dn: &str, links: &str) -> Container {
        let mut blocks = false;
        let mut of = Vec::new();
        for word in links.split_whitespace() {
            match word {
                "blocks" => blocks = true,
                word => of.push(Link {
                    gpo: word.trim_start_matches(['-', '!']).to_owned(),
                    disabled: word.starts_with('-'),
                    enforced: word.starts_with('!'),
                }),
            }
        }
        Container { dn: dn.to_owned(), links: of, blocks }
    }

    fn applied(chain: &[(&str, &str)]) -> String {
        let chain: Vec<Container> = chain.iter().map(|(dn, links)| container(dn, links)).collect();
        order(&chain).0.iter().map(|placed| placed.link.gpo.clone()).collect::<Vec<_>>().join(" ")
    }

    fn left_out(chain: &[(&str, &str)]) -> String {
        let chain: Vec<Container> = chain.iter().map(|(dn, links)| container(dn, links)).collect();
        let told = order(&chain).1.into_iter().map(|(placed, why)| match why {
            LeftOut::Disabled => format!("{} off", placed.link.gpo),
            LeftOut::Blocked(by) => format!("{} blocked by {}", placed.link.gpo, by.dn),
        });
        told.collect::<Vec<_>>().join(", ")
    }

    /// Site, domain, OU from the top: the closest container is applied last and wins. In one gPLink the last entry is GPMC's
    /// link order 1, which is applied last.
    #[test]
    fn the_closest_container_wins_and_in_it_the_last_link() {
        let chain = [("site", "S"), ("domain", "D1 D2"), ("ou", "O1 O2"), ("sub", "U")];
        assert_eq!(applied(&chain), "S D1 D2 O1 O2 U");
        let domain = container("domain", "D1 D2");
        let numbers: Vec<usize> = order(std::slice::from_ref(&domain)).0.iter().map(|placed| placed.number).collect();
        assert_eq!(numbers, [2, 1]);
    }

    /// All normal links first. Then the enforced ones, those of the highest container last: D! beats O! beats U, although
    /// U is closest. Within the domain both are enforced, and the last of the attribute wins still.
    #[test]
    fn enforced_links_win_and_the_higher_one_over_the_lower() {
        let chain = [("domain", "!D1 D2 !D3"), ("ou", "!O O2"), ("sub", "U")];
        assert_eq!(applied(&chain), "D2 O2 U O D1 D3");
    }

    /// The sub-OU blocks: D and O are lost, but enforced D! passes, and its own U stays. A block says nothing of its own links.
    #[test]
    fn a_block_drops_what_comes_from_above_unless_enforced() {
        let chain = [("site", "S"), ("domain", "D !E"), ("ou", "O"), ("sub", "blocks U")];
        assert_eq!(applied(&chain), "U E");
        assert_eq!(left_out(&chain), "S blocked by sub, D blocked by sub, O blocked by sub");
        // A block in the middle drops what is above it, not what is below.
        assert_eq!(applied(&[("domain", "D"), ("ou", "blocks O"), ("sub", "U")]), "O U");
    }

    #[test]
    fn a_link_that_is_switched_off_counts_for_nothing_even_if_enforced() {
        let chain = [("domain", "D -X"), ("ou", "O")];
        assert_eq!(applied(&chain), "D O");
        assert_eq!(left_out(&chain), "X off");
        let both = links("[LDAP://cn={A},cn=policies,cn=system,DC=x;3]").unwrap();
        let chain = [Container { dn: "domain".into(), links: both, blocks: false }];
        assert_eq!(order(&chain).0, []);
    }

    #[test]
    fn a_gplink_is_read_in_its_order_with_both_bits() {
        let text =
            "[LDAP://cn={A},cn=policies,cn=system,DC=x;0][ldap://CN={B},CN=Policies,CN=System,DC=x;1][LDAP://cn={C};2]";
        let links = links(text).unwrap();
        let told: Vec<(&str, bool, bool)> = links.iter().map(|l| (&*l.gpo, l.disabled, l.enforced)).collect();
        assert_eq!(
            told,
            [
                ("cn={A},cn=policies,cn=system,DC=x", false, false),
                ("CN={B},CN=Policies,CN=System,DC=x", true, false),
                ("cn={C}", false, true),
            ]
        );
        // Windows writes one blank when the last link was removed.
        assert_eq!(super::links(" "), Some(vec![]));
        assert_eq!(super::links("nonsense"), None);
        assert_eq!(super::links("[LDAP://cn={A};x]"), None);
    }
}
