//! Names in two languages, on a store that has both.

use std::collections::HashMap;

use admx::{Catalog, Policy};

use crate::corpus;

#[test]
fn a_store_with_two_languages_is_searched_by_the_names_of_both_whichever_is_asked_for() {
    let Some(corpus) = corpus() else { return };
    let store = corpus.join("admx/josbraden+grouppolicy/PolicyDefinitions");
    let load = |language| Catalog::load(std::slice::from_ref(&store), language).expect("the store has templates");
    let (german, english) = (load("de-DE"), load("en-US"));
    let plain = |name: &str| name.trim().trim_end_matches('.').to_lowercase();
    let mut times: HashMap<String, usize> = HashMap::new();
    for policy in german.policies().iter().chain(english.policies()) {
        *times.entry(plain(&policy.display_name)).or_default() += 1;
    }
    // Names that mean one policy in one language only, so that there is one answer.
    let is_own = |policy: &&Policy| times[&plain(&policy.display_name)] == 1;
    for (catalog, named) in [(&german, &german), (&german, &english), (&english, &german), (&english, &english)] {
        let some: Vec<&Policy> = named.policies().iter().filter(is_own).step_by(97).collect();
        assert!(some.len() > 10, "{}", some.len());
        for policy in some {
            let found = catalog.find(&policy.display_name).unwrap_or_else(|e| panic!("{}: {e}", policy.id()));
            assert_eq!(found.policy.id(), policy.id());
            assert!(
                catalog.policies().iter().any(|own| std::ptr::eq(own, found.policy)),
                "not a policy of the catalog"
            );
        }
    }
}
